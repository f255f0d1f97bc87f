// graph (Koa): a GraphQL mutation logs in, operations by name; a dispatcher in the form of the body.
const Koa = require('koa'), crypto = require('crypto')
const { ADDR, PORT, W, PEOPLE, USERS, note } = require('./note.cjs')
const G = W.graph, app = new Koa(), LIVE = new Map()
const read = q => new Promise(done => { let s = ''; q.on('data', d => { s += d }); q.on('end', () => done(s)) })
app.use(async c => {
  const n = note(c.req, c.res), body = await read(c.req), who = LIVE.get((c.get('authorization') || '').replace('Bearer ', ''))
  c.set('X-Served', n.served)
  if (c.path === '/graphql') {
    const b = JSON.parse(body), v = b.variables || {}
    n.route = '/graphql#' + b.operationName
    if (b.operationName === 'DoLogin') {
      const u = USERS[v.name]
      if (!u || u.password !== v.password) { c.body = { data: { [G.field]: null }, errors: [{ message: 'wrong name or password' }] }; return }
      const t = crypto.randomBytes(24).toString('base64url')
      LIVE.set(t, u.login)
      c.body = { data: { [G.field]: { [G.token]: t } } }
    } else if (!who) c.body = { data: null, errors: [{ message: 'UNAUTHENTICATED' }] }
    else if (b.operationName === 'Viewer') c.body = { data: { viewer: { username: who } } }
    else if (b.operationName === 'Person') { const p = PEOPLE[v.id]; c.body = { data: { person: { fullName: n('name', p.name), mobile: n('cn-mobile', p.mobile), plateNo: n('cn-plate', p.plate), ref: p.snow } } } }
    else c.body = { data: { orders: PEOPLE.slice(v.from, v.from + 5).map(p => ({ orderNo: p.order, at: 1700000000000 + p.n * 7919 })) } }
  } else if (c.path === '/gateway.do') {
    const op = new URLSearchParams(body).get(G.dispatch)
    n.route = '/gateway.do#' + op
    c.body = who ? { code: 200, [op]: { done: true, seq: PEOPLE[op.length].order } } : { code: 401, msg: 'please log in' }
  } else c.status = 404
})
app.listen(PORT, ADDR)
