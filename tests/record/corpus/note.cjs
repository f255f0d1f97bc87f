// What a Node server of the corpus writes while it answers: as note.py, which says why.
const fs = require('fs')
const OUT = process.env.CORPUS_OUT, SVC = process.env.CORPUS_SVC
const [ADDR, PORT] = process.env.CORPUS_ADDR.split(':')
const W = JSON.parse(fs.readFileSync(`${OUT}/world.json`))
const PEOPLE = W.people, USERS = Object.fromEntries(W.users.map(u => [u.login, u]))
const BY_SNOW = Object.fromEntries(PEOPLE.map(p => [p.snow, p]))
let count = 0
const truth = fs.openSync(`${OUT}/truth.${SVC}`, 'a')
const log = SVC in W.skew ? fs.openSync(`${OUT}/${SVC}.log`, 'a') : null
const MON = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const two = n => String(n).padStart(2, '0')

function note(req, res) {
  const n = (cls, value, masked = false) => { n.finds.push([cls, String(value), masked]); return value }
  Object.assign(n, { served: `${SVC}-${++count}`, finds: [], route: null })
  const begin = Date.now(), peer = [req.socket.remoteAddress.replace('::ffff:', ''), req.socket.remotePort], uri = req.originalUrl || req.url
  res.setHeader('X-Served', n.served)
  res.on('finish', () => {
    const d = new Date(Date.now() + (W.skew[SVC] || 0) * 1000)
    fs.writeSync(truth, JSON.stringify({ svc: SVC, served: n.served, peer, method: req.method, uri, begin: begin / 1000, route: n.route, status: res.statusCode, finds: n.finds }) + '\n')
    if (log) fs.writeSync(log, `${peer[0]} - - [${two(d.getUTCDate())}/${MON[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000] "${req.method} ${uri} HTTP/${req.httpVersion}" ${res.statusCode} ${res.getHeader('content-length') || '-'} "-" "${req.headers['user-agent'] || '-'}"\n`)
  })
  return n
}
const mask = (s, head, tail) => s.slice(0, head) + '*'.repeat(s.length - head - tail) + s.slice(s.length - tail)
module.exports = { OUT, SVC, ADDR, PORT: +PORT, W, PEOPLE, USERS, BY_SNOW, note, mask }
