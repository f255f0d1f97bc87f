// pay (Fastify): API keys in a header of odd name and in the query, AWS signatures (version 4) that it checks.
const crypto = require('crypto')
const { ADDR, PORT, W, PEOPLE, note } = require('./note.cjs')
const app = require('fastify')(), KEYS = new Set(W.pay.keys.map(k => k.key)), AWS = Object.fromEntries(W.pay.aws.map(k => [k.id, k.secret]))
const sha = s => crypto.createHash('sha256').update(s).digest('hex'), mac = (k, s) => crypto.createHmac('sha256', k).update(s).digest()
function signed(q) {
  const m = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(q.headers.authorization || '')
  if (!m || !AWS[m[1]]) return false
  const [path, query = ''] = q.raw.url.split('?')
  const canon = [q.method, path, query.split('&').sort().join('&'), ...m[5].split(';').map(h => `${h}:${q.headers[h]}`), '', m[5], sha('')].join('\n')
  const key = mac(mac(mac(mac('AWS4' + AWS[m[1]], m[2]), m[3]), m[4]), 'aws4_request')
  return mac(key, ['AWS4-HMAC-SHA256', q.headers['x-amz-date'], `${m[2]}/${m[3]}/${m[4]}/aws4_request`, sha(canon)].join('\n')).toString('hex') === m[6]
}
app.addHook('onRequest', async (q, a) => {
  q.note = note(q.raw, a.raw); q.note.route = q.routeOptions.url
  const ok = KEYS.has(q.headers[W.pay.header.toLowerCase()]) || KEYS.has(q.query[W.pay.query]) || signed(q)
  if (!ok) return a.code(403).header('X-Served', q.note.served).send({ error: 'key' })
})
app.addHook('onSend', async (q, a, p) => { a.header('X-Served', q.note.served); return p })
app.get('/v1/charges/:id', async q => ({ id: q.params.id, amount: 1200, card: q.note('bank-card', PEOPLE[q.params.id.length].bank.slice(0, 6) + '******' + PEOPLE[q.params.id.length].bank.slice(-4), true) }))
app.get('/v1/charges', async q => ({ data: PEOPLE.slice(+q.query.offset || 0, (+q.query.offset || 0) + 6).map(p => ({ id: 'ch_' + p.snow, cardNumber: q.note('bank-card', p.bank), trace: p.order.replace(/\D/g, '') })) }))
app.get('/v2/charges', async q => ({ data: [], next: null }))
app.get('/v1/payouts/:iban', async q => { q.note('iban', q.params.iban); return { state: 'paid', at: 1699999999123 } })
app.get('/buckets/:bucket/:key', async (q, a) => a.type('text/csv').send('seq,email\n' + PEOPLE.slice(q.params.key.length, q.params.key.length + 5).map(p => `${p.snow},${q.note('email', p.email)}`).join('\n') + '\n'))
app.listen({ host: ADDR, port: PORT })
