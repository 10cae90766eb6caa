// The operator of the demo of kinds: sends commands to the worker and awaits the answer to each. One command makes the worker hang; when a new worker has
// come in its place, the operator sends it the command again.
import { Event, Queue, Semaphore, waitAny } from 'byname'

const COMMANDS = 40
const TRAP = 17
const PATIENCE = 120_000

const commands = Queue.open('commands', { mode: 'w' })
const replies = Queue.open('replies', { mode: 'r' })
const back = Event.open('the worker is back')
Semaphore.open('ready').release(1)

let answered = 0
let again = 0
for (let number = 1; number <= COMMANDS; number++) {
  const send = (word) => commands.put(Buffer.from(`${word} ${number}`), { timeout: PATIENCE })
  await send(number === TRAP ? 'hang' : 'work')
  for (;;) {
    const news = await waitAny([replies, back], { timeout: PATIENCE })
    if (!news) throw new Error('nobody answers')
    if (news.index === 1) {
      again++
      await send('work')
      continue
    }
    const reply = await replies.get({ timeout: 0 })
    if (String(reply) !== `done ${number}`) throw new Error(`the answer to ${number} is ${reply}`)
    answered++
    break
  }
}
Semaphore.open('finished').release(1)
console.log(`${answered} ${again}`)
