// A JavaScript cluster client at work. Arguments: package, what to do, key, value, HOST:PORT of start-up nodes.
//
// session  SET and GET, then, after a line on standard input, GET again.
// load     INCR until there is a line on standard input; no error is forgiven.
// kills    the same while nodes are killed: an increment may be sent again, and count twice, but none may be missing (ioredis only).
const assert = require('node:assert')
const readline = require('node:readline')
const { setTimeout: sleep } = require('node:timers/promises')

const [name, task, key, value, ...addresses] = process.argv.slice(2)
const nodes = addresses.map(a => ({ host: a.slice(0, a.lastIndexOf(':')), port: Number(a.slice(a.lastIndexOf(':') + 1)) }))

async function connect () {
  if (name.startsWith('ioredis')) {
    const { Cluster } = require(name)
    // By default it tries a command 16 times, 100 ms apart, which is less than a node's successor takes.
    const client = new Cluster(nodes, task === 'kills' ? { maxRedirections: 100 } : {})
    client.on('error', () => {}) // a node that is gone; commands are tried elsewhere
    return { client }
  }
  const client = require(name).createCluster({ rootNodes: nodes.map(socket => ({ socket })) })
  client.on('error', () => {})
  client.on('node-error', () => {})
  await client.connect()
  return { client }
}

// aLine waits for a line on standard input.
async function aLine () {
  for await (const _ of readline.createInterface({ input: process.stdin })) break
}

// within2s gives a promise up that is not fulfilled within 2 seconds.
function within2s (promise, what) {
  return Promise.race([promise, sleep(2000).then(() => { throw new Error(`no ${what} within 2 s`) })])
}

// patiently gets again for 20 seconds, as an application does: by default ioredis gives a command up after 16 tries of
// 100 ms, and node-redis 5 keeps commands for a node that is gone until it comes back, so that it takes a new client.
// Nor does a new client connect while the cluster still names the node that is gone: it waits for all primaries.
async function patiently (connection) {
  const end = Date.now() + 20000
  for (;;) {
    try {
      return await within2s(connection.client.get(key), 'answer')
    } catch (err) {
      if (Date.now() > end) throw err
      console.error(`again after: ${err.message}`)
      await sleep(100)
      if (name === 'redis5') connection = await within2s(connect(), 'connection').catch(() => connection)
    }
  }
}

async function session (connection) {
  const { client } = connection
  assert.equal(await client.set(key, value), 'OK')
  assert.equal(await client.get(key), value)
  const many = [...Array(200).keys()]
  await Promise.all(many.map(i => client.set(`${key}:${i}`, String(i))))
  assert.deepEqual(await Promise.all(many.map(i => client.get(`${key}:${i}`))), many.map(String))
  console.log('set')
  await aLine()
  console.log(await patiently(connection))
}

// destroyed tells that an error is of node-redis's making: it ends its connection to a node as soon as it sees that the node leads nothing any more, also
// with commands under way there, as those of other groups are that are about to be sent on. It does so with Redis, too. Whether such a command was run is unknown.
function destroyed (err) {
  return !name.startsWith('ioredis') && err.constructor.name === 'DisconnectsClientError'
}

// load has one command under way on each of 8 groups of keys.
async function load ({ client }) {
  let told = false
  let steps = 0
  aLine().then(() => { told = true })
  async function walk (group) {
    const counted = Array(97).fill(0)
    const unclear = Array(97).fill(0) // commands that may have counted besides
    for (let n = 0; !told; n++) {
      let now
      try {
        now = await client.incr(`${key}:${group}:${n % 97}`)
      } catch (err) {
        if (!destroyed(err)) throw err
        unclear[n % 97]++
        continue
      }
      const next = counted[n % 97] + 1
      const most = task === 'kills' ? Infinity : next + unclear[n % 97]
      assert(now >= next && now <= most, `INCR number ${n} of group ${group} returned ${now}, want ${next}`)
      counted[n % 97] = now
      unclear[n % 97] = 0
      if (++steps === 1) console.log('set')
    }
  }
  await Promise.all([...Array(8).keys()].map(walk))
  console.log(steps)
}

connect().then({ session, load, kills: load }[task]).then(() => process.exit(0), err => {
  console.error(err)
  process.exit(1)
})
