// store (Fastify): behind the shop only; believes the caller that a header names.
const { ADDR, PORT, PEOPLE, BY_SNOW, note } = require('./note.cjs')
const app = require('fastify')()
app.addHook('onRequest', (q, a, next) => { q.note = note(q.raw, a.raw); q.note.route = q.routeOptions.url; next() })
app.addHook('onSend', async (q, a, p) => { a.header('X-Served', q.note.served); return p })
const whole = (n, p) => ({ ...p, name: n('name', p.name), cn_id: n('cn-id', p.cn_id), birth: n('birth-date', p.birth), mobile: n('cn-mobile', p.mobile), email: n('email', p.email), bank: n('bank-card', p.bank), iban: n('iban', p.iban), address: n('address', p.address), plate: n('cn-plate', p.plate) })
app.get('/internal/people', async q => { const k = +q.query.offset || 0; return { list: PEOPLE.slice(k, k + (+q.query.n || 10)).map(p => whole(q.note, p)) } })
app.get('/internal/people/:id', async q => whole(q.note, BY_SNOW[q.params.id] || PEOPLE[0]))
app.listen({ host: ADDR, port: PORT })
