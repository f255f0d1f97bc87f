// portal (Express): JWTs whose name stands in an odd claim; slugs, versions, hashes, dates, Chinese and pinyin words in paths.
const express = require('express'), crypto = require('crypto')
const { ADDR, PORT, W, PEOPLE, USERS, note, mask } = require('./note.cjs')
const P = W.portal, app = express(), b64 = v => Buffer.from(v).toString('base64url')
const sign = s => crypto.createHmac('sha256', W.secret).update(s).digest('base64url')
const issue = u => {
  const body = b64('{"alg":"HS256","typ":"JWT"}') + '.' + b64(JSON.stringify({ iss: 'portal', sub: u.sub, [P.claim]: u.login, jti: crypto.randomUUID(), iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 7200 }))
  return body + '.' + sign(body)
}
app.disable('x-powered-by')
app.use((q, a, next) => { q.note = note(q, a); next() })
app.use(express.json())
const seen = q => { if (q.route) q.note.route = String(q.route.path) }
const open = f => (q, a) => {
  seen(q)
  const t = (q.headers.authorization || '').replace('Bearer ', ''), [h, b, s] = t.split('.')
  if (!s || sign(h + '.' + b) !== s) return a.status(401).json({ error: 'token' })
  q.who = JSON.parse(Buffer.from(b, 'base64url'))[P.claim]
  return f(q, a)
}
app.post(P.login, (q, a) => {
  seen(q)
  const u = USERS[q.body[P.keys[0]]]
  if (!u || u.password !== q.body[P.keys[1]]) return a.status(401).json({ error: 'bad credentials' })
  a.json({ ok: true, [P.out]: issue(u) })
})
app.get('/users/me', open((q, a) => a.json({ account: q.who, uid: USERS[q.who].uid })))
app.get('/users/:login', open((q, a) => a.json({ account: q.params.login, uid: (USERS[q.params.login] || {}).uid, state: 'active' })))
app.get('/users/:login/settings', open((q, a) => a.json({ lang: 'zh', theme: 'dark' })))
app.get('/news/latest', open((q, a) => a.json({ items: W.words.slice(0, 3) })))
app.get('/news/:slug', open((q, a) => a.json({ title: q.params.slug.replace(/-/g, ' '), text: 'see you there' })))
app.get('/docs/:version/:file', open((q, a) => a.type('text').send('chapter ' + q.params.file)))
app.get('/commits/:sha', open((q, a) => a.json({ sha: q.params.sha, files: 4 })))
app.get('/archive/:day', open((q, a) => a.json({ day: q.params.day, entries: 7 })))
app.get('/城市/:city', open((q, a) => a.json({ city: q.params.city, shops: 9 })))
app.get('/fenlei/:kind', open((q, a) => a.json({ kind: q.params.kind, goods: 40 })))
app.get('/fenlei/:kind/shangpin', open((q, a) => a.json({ goods: [{ no: 17, price: 9900 }] })))
app.get('/api/people/:id', open((q, a) => {
  const n = q.note, p = PEOPLE[+q.params.id % 320]
  a.json({ id: +q.params.id, fullName: n('name', p.name), phone: n('cn-mobile', p.mobile), email: n('email', p.email), ticketNo: p.snow.slice(0, 18), updatedAt: 1690000000000 + p.n })
}))
app.get('/api/people', open((q, a) => {
  const n = q.note, k = (+q.query.page || 0) * 8
  a.json({ list: PEOPLE.slice(k, k + 8).map(p => ({ id: p.n, phone: n('cn-mobile', mask(p.mobile, 3, 4), true), idCard: n('cn-id', mask(p.cn_id, 4, 4), true), order: p.order })) })
}))
app.listen(PORT, ADDR)
