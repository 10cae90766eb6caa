/// <reference lib="esnext.disposable" />

/**
 * Windows-style named synchronization objects for Linux, in shared memory: processes in Rust, C, Python and Node
 * meet at the same names, and every one of them may be killed at any instant without hanging the others.
 *
 * ```js
 * import { Mutex } from 'byname'
 *
 * const mutex = new Mutex('ledger')
 * const grant = await mutex.acquire({ timeout: 5000 })
 * if (grant === null) throw new Error('the ledger is busy')
 * try {
 *   if (grant.abandoned) console.log('the previous owner died in here: repair first')
 * } finally {
 *   grant.release()
 * }
 * ```
 *
 * - **Time-outs** are milliseconds, parts allowed, and are outcomes: `null`, and `false` for `wait`. Leaving the time-out out,
 *   or `Infinity`, waits for ever; 0 looks once and never blocks; a wait is never early.
 * - **Promises** of this package occupy neither a thread nor the libuv pool. A pending one keeps the event loop alive; to let a process
 *   end, end its waits by their `signal`.
 * - **`…Sync` calls** block the thread, and with it its event loop. They end when their worker is terminated.
 * - **Handles and grants stay in their thread.** To another thread or process send the name. What `structuredClone` and `postMessage`
 *   make of a handle is an empty object.
 * - **The grant is the owner**, whoever asked for it: two acquisitions in one process exclude each other like two processes.
 * - **Contract 3.4, A14** in these comments is section 3.4 and row A14 of `docs/semantics.md`, which says what every call does.
 *   `docs/errors.md` has all errors.
 *
 * @packageDocumentation
 */

// Only what is marked is exported.
export {}

/** What an AbortSignal has that a wait needs of it. Every AbortSignal fits. */
export interface AbortSignalLike {
  /** Whether it has been aborted. */
  readonly aborted: boolean
  /** What the promise rejects with. */
  readonly reason?: unknown
  /** Listens for `abort`, once. */
  addEventListener(type: 'abort', listener: any, options?: any): void
  /** Ends that when the wait is over. */
  removeEventListener(type: 'abort', listener: any, options?: any): void
}

/** How long a call may block. */
export interface TimeoutOptions {
  /** Milliseconds; 0 looks once, `Infinity` and `undefined` wait for ever. Negative and NaN are `ERR_BYNAME_INVALID_ARGUMENT`. */
  timeout?: number | undefined
}

/** How long a promise may stay pending, and what ends it early. */
export interface WaitOptions extends TimeoutOptions {
  /**
   * Cancels the wait: the promise rejects with `signal.reason` and nothing is consumed. A signal that is aborted already rejects
   * before anything happens. A wait that was won in the same instant stands, and resolves.
   */
  signal?: AbortSignalLike | undefined
}

/** Where to look for an object, and what for. */
export interface OpenOptions {
  /** The namespace of the name; this user's local one by default. */
  namespace?: Namespace | undefined
  /** What the handle may do: a sum of {@link Access}; everything by default. */
  access?: number | undefined
}

/**
 * Access masks, with the numbers of Windows. What a handle has no right to throws `ERR_BYNAME_ACCESS_DENIED`; so does a mask of 0
 * or with a bit that the kind does not know (contract 2.5).
 *
 * ```js
 * import { Access, Event } from 'byname'
 *
 * const ready = new Event('ready', { manualReset: true })
 * const observer = Event.open('ready', { access: Access.SYNCHRONIZE })
 * try {
 *   observer.set()
 * } catch (error) {
 *   if (error.code !== 'ERR_BYNAME_ACCESS_DENIED') throw error
 * }
 * ```
 */
export const Access: {
  /** Looking at the state. */
  readonly QUERY_STATE: 0x0001
  /** `set`, `reset` and `pulse` of an event, `release` of a semaphore. */
  readonly MODIFY_STATE: 0x0002
  /** Waiting and acquiring. */
  readonly SYNCHRONIZE: 0x00100000
  /** Reading a mapping. */
  readonly MAP_READ: 0x0004
  /** Writing to a mapping. */
  readonly MAP_WRITE: 0x0002
  /** Writing to a copy of a mapping's pages. */
  readonly MAP_COPY: 0x0001
  /** Executing what is in a mapping; nothing in JavaScript can. */
  readonly MAP_EXECUTE: 0x0020
  /** Everything. */
  readonly ALL: 0x02000000
}

/**
 * A handle on an object. An object and its name exist as long as any process has a handle on it; a process that dies closes
 * its own. A handle that is collected as garbage is closed. (Contract 1.7, 2.1)
 */
declare abstract class Handle implements Disposable, AsyncDisposable {
  /** The name as it was passed; `null` for an object without one. */
  readonly name: string | null
  /** Whether this handle made the object, rather than found it. */
  readonly created: boolean
  /**
   * Whether the handle is protected from being closed: by `close`, by `using`, by garbage collection, by the end of a worker. It
   * then stays open until the process ends. Can be set; it is this handle's alone.
   */
  protected: boolean
  /**
   * Whether children that byname starts get the handle. Can be set; only kept so far, since this version starts no children.
   */
  inheritable: boolean
  /**
   * Closes the handle. Grants stay valid, and so do waits in progress. Every other call on a closed handle, and closing it
   * again, throws `ERR_BYNAME_CLOSED`. Closing a {@link protected} one throws `ERR_BYNAME_ACCESS_DENIED`, and it stays open.
   */
  close(): void
  /**
   * A token by which another process of this user opens the object, named or not, with `fromShare`: text, to be passed in whatever way. A
   * handle to the object must be open until then (contract 2.3, DH12). A process has none (`ERR_BYNAME_UNSUPPORTED`): pass its pid.
   *
   * ```js
   * import { Event } from 'byname'
   *
   * const event = new Event()
   * const same = Event.fromShare(event.share())
   * event.set()
   * console.log(same.waitSync({ timeout: 0 })) // true
   * same.close()
   * event.close()
   * ```
   */
  share(): string
  /**
   * A file descriptor that polls readable while a wait with time-out 0 may succeed, for native add-ons (`uv_poll_t`, epoll) and
   * for child processes that inherit it by `stdio`. JavaScript itself cannot poll it: neither `net.Socket` nor `tty` takes it,
   * and `fs.read` would take its news away. Await `wait()` or `acquire()` instead, which need neither thread nor descriptor.
   *
   * Nothing is consumed by its being readable. It stays so until a call with time-out 0 (`tryAcquire()`, `waitSync({timeout: 0})`)
   * of this process finds the object not signalled. It is made at the first call, belongs to the handle and is closed with it.
   */
  fileno(): number
  /** Closes the handle if it is open. */
  [Symbol.dispose](): void
  /** Closes the handle if it is open. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * One acquisition of a mutex or a semaphore: who has the grant, holds. A mutex's grant that is collected as garbage abandons the
 * mutex, and warns; a unit of a plain semaphore then stays taken, one of a robust semaphore comes back.
 *
 * ```js
 * import { Mutex } from 'byname'
 *
 * const grant = new Mutex('ledger').tryAcquire()
 * if (grant !== null) {
 *   console.log(`owner number ${grant.fence}`)
 *   grant.release() // TypeScript, Node 24: `using grant = …` does it
 * }
 * ```
 */
export class Grant implements Disposable, AsyncDisposable {
  private constructor()
  /**
   * The number of this acquisition, greater than that of every earlier one of the object while it exists. The first owner of
   * a mutex has 1; one that is made anew, after its last handle was closed, begins at 1 again.
   */
  readonly fence: bigint
  /** Whether the previous owner died, or lost its grant, without releasing: what the mutex guards may be half done. */
  readonly abandoned: boolean
  /** Whether it is not released yet. */
  readonly held: boolean
  /** Gives it back. A second time throws `ERR_BYNAME_NOT_OWNER`. It may follow the closing of the handle. */
  release(): void
  /** Releases if it is held. */
  [Symbol.dispose](): void
  /** Releases if it is held. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What a mutex and a semaphore have in common. */
declare abstract class Lock extends Handle {
  /**
   * Acquires without blocking the thread (contract 3.2, 5, 10.6).
   *
   * @returns the grant, or `null` after the time-out
   * @throws (rejects) `ERR_BYNAME_CLOSED`, `ERR_BYNAME_ACCESS_DENIED`; `ERR_BYNAME_INVALID_ARGUMENT` for a negative time or NaN;
   *   `signal.reason` if it is aborted
   */
  acquire(options?: WaitOptions): Promise<Grant | null>
  /**
   * Acquires if that is possible at once.
   *
   * @returns the grant, or `null`
   */
  tryAcquire(): Grant | null
  /**
   * Acquires, blocking the thread. Throws `ERR_BYNAME_WOULD_DEADLOCK` where the wait would be for a grant of this same
   * thread, which could not release it while it blocks.
   *
   * @returns the grant, or `null` after the time-out
   */
  acquireSync(): Grant
  acquireSync(options: TimeoutOptions | undefined): Grant | null
}

/**
 * Exclusion: one grant at a time. When its owner dies, the next one learns so by `grant.abandoned` (contract 3.4). If nobody else
 * had it open, though, the mutex died with its owner: the next one makes a new one, whose first `fence` is `1n`.
 *
 * ```js
 * import { Mutex } from 'byname'
 *
 * const mutex = new Mutex('ledger')
 * const grant = await mutex.acquire({ signal: AbortSignal.timeout(5000) })
 * try {
 *   if (grant.abandoned) console.log('the previous owner died in here: repair first')
 * } finally {
 *   grant.release()
 * }
 * ```
 */
export class Mutex extends Lock {
  /**
   * Makes the mutex `name`, or opens it if it exists; without a name it is this process's own (contract 1.2, 3.2).
   *
   * @param name at most 260 UTF-16 units, without `\\` but for the prefix `Local\\`
   * @param options.initiallyOwned a new mutex belongs to {@link initialGrant} from the first instant
   * @throws `ERR_BYNAME_WRONG_KIND` if an object of another kind has the name; `ERR_BYNAME_INVALID_NAME`, `ERR_BYNAME_NAME_TOO_LONG`,
   *   `ERR_BYNAME_PATH_NOT_FOUND` by the grammar of names; `ERR_BYNAME_NO_SPACE`, `ERR_BYNAME_LIMIT_REACHED`
   */
  constructor(name?: string | null, options?: OpenOptions & { initiallyOwned?: boolean | undefined })
  /** Opens an existing mutex; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Mutex
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Mutex
  /** The grant of a mutex made with `initiallyOwned`; `null` where it existed already, and without that option. */
  readonly initialGrant: Grant | null
  /** Who owns the mutex now. It may be out of date before you look. */
  owner(): { pid: number; tid: number } | null
  /**
   * All of its state at one instant; looking takes nothing and waits for nobody.
   *
   * `depth`: how often the owner holds it, 0 if nobody does; a grant holds it once, a thread of another language may more often.
   * `abandoned`: the last owner died and nobody has acquired it since, so the next one will be told.
   */
  state(): { owner: { pid: number; tid: number } | null; depth: number; abandoned: boolean }
}

/**
 * A flag to wait for. A manual-reset event lets everyone through until it is reset, an auto-reset event exactly one (contract 4).
 *
 * ```js
 * import { Event } from 'byname'
 *
 * const ready = new Event('ready', { manualReset: true })
 * setTimeout(() => ready.set(), 10) // or any other process does
 * if (!(await ready.wait({ timeout: 5000 }))) throw new Error('not ready after five seconds')
 * ```
 */
export class Event extends Handle {
  /**
   * Makes the event `name`, or opens it if it exists; then the options say nothing. Throws as that of {@link Mutex}.
   *
   * @param options.manualReset stays set until `reset`; by default a satisfied wait resets it
   * @param options.initial begins set
   */
  constructor(name?: string | null, options?: OpenOptions & { manualReset?: boolean | undefined; initial?: boolean | undefined })
  /** Opens an existing event; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Event
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Event
  /** Sets it: releases everyone who waits (manual), or one (auto); with nobody waiting it stays set (contract 4, E1, E2). */
  set(): void
  /** Resets it. Whom an earlier `set` released stays released (contract 4, E8). */
  reset(): void
  /** Releases everyone (manual) or one (auto) of those who wait at this instant, and leaves it reset (contract 4, E3 to E5). */
  pulse(): void
  /** Whether it is set; takes nothing. */
  isSet(): boolean
  /** All of its state at one instant; looking takes nothing and waits for nobody. */
  state(): { set: boolean; manualReset: boolean }
  /**
   * Waits until it is set, without blocking the thread.
   *
   * @returns `false` after the time-out
   * @throws (rejects) as {@link Mutex.acquire}
   */
  wait(options?: WaitOptions): Promise<boolean>
  /**
   * Waits until it is set, blocking the thread.
   *
   * @returns `false` after the time-out
   */
  waitSync(options?: TimeoutOptions): boolean
}

/** How to find a mapping, and for what. */
export interface MappingOptions {
  /** The namespace of the name; this user's local one by default. */
  namespace?: Namespace | undefined
  /** `'rw'` by default; `'r'` to look; `'copy'`: what is written stays one's own. Or a sum of {@link Access}. */
  access?: 'r' | 'rw' | 'copy' | number | undefined
}

/**
 * What a mapping's views may do, one of the first six, plus how its memory comes; with the numbers of Windows (contract 7.1). Combinations that are none throw
 * `ERR_BYNAME_INVALID_ARGUMENT` (87; with `IMAGE` 193), `COMMIT` with `LARGE_PAGES` `ERR_BYNAME_ACCESS_DENIED` (1314).
 *
 * ```js
 * import { Mapping, Protect } from 'byname'
 *
 * const lazy = new Mapping(null, { size: 2 ** 30, protect: Protect.READWRITE | Protect.RESERVE })
 * new Uint8Array(lazy.view(65536, 1))[0] = 1
 * ```
 */
export const Protect: {
  /** Views read, or copy on write. */
  readonly READONLY: 0x02
  /** Views write, too. */
  readonly READWRITE: 0x04
  /** As `READONLY`. */
  readonly WRITECOPY: 0x08
  /** As `READONLY`, and views may be executed. */
  readonly EXECUTE_READ: 0x20
  /** As `READWRITE`, and views may be executed. */
  readonly EXECUTE_READWRITE: 0x40
  /** As `WRITECOPY`, and views may be executed. */
  readonly EXECUTE_WRITECOPY: 0x80
  /** Always refused. */
  readonly FILE: 0x00800000
  /** No program can be mapped as one here. */
  readonly IMAGE: 0x01000000
  /** Memory comes when a page is touched; if there is none left then, the process gets SIGBUS. */
  readonly RESERVE: 0x04000000
  /** All of the memory is there at once, as without it. */
  readonly COMMIT: 0x08000000
  /** With `RESERVE` or `COMMIT`: no effect. */
  readonly NOCACHE: 0x10000000
  /** Likewise. */
  readonly WRITECOMBINE: 0x40000000
  /** Needs a privilege that does not exist here. */
  readonly LARGE_PAGES: 0x80000000
}

/**
 * Memory, or a file's bytes, that processes share by name (contract 7). It cannot be waited for: who writes publishes by {@link write} or
 * {@link change}, who reads waits for {@link changed}.
 *
 * ```js
 * import { Mapping } from 'byname'
 *
 * const board = new Mapping('board', { size: 65536 })
 * const bytes = new Uint8Array(board.view()) // no copy: the memory itself
 * bytes[0] = 42
 * const same = Mapping.open('board', { access: 'r' }) // in any process
 * if (same.read(0, 1)[0] !== 42) throw new Error('it is the same memory')
 * same.close()
 * board.close() // detaches its buffers: bytes.length is 0 now
 * ```
 */
export class Mapping extends Handle {
  /**
   * Makes the mapping `name`, or opens it if it exists, with the size and file that it has. Throws as that of {@link Mutex}, and
   * `ERR_BYNAME_INVALID_ARGUMENT` for a size of 0 without a file, `ERR_BYNAME_NO_SPACE` where there is no room for all of it.
   *
   * @param options.size bytes, rounded up to whole pages of 4096; of a file 0, the default, is all that it has, and more lengthens it
   * @param options.file a path, a file URL, a descriptor or a FileHandle; without one it is memory, zeros at first
   * @param options.protect what views may do, and how memory comes: a sum of {@link Protect}; it follows from `access` otherwise
   */
  constructor(name?: string | null, options?: MappingOptions & { size?: number | undefined; protect?: number | undefined; file?: string | URL | number | { readonly fd: number } | null | undefined })
  /** Opens an existing mapping; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: MappingOptions): Mapping
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<MappingOptions, 'access'>): Mapping
  /** How many bytes it has. */
  readonly size: number
  /** How many changes were published, by any process. */
  readonly version: bigint
  /** What it is, but for its bytes; `protect` has the numbers of Windows. */
  state(): { size: number; protect: number; hasFile: boolean; version: bigint }
  /**
   * An auto-reset event, one for each process, that every published change sets, and the death of a writer in the middle of one. Ours,
   * not Windows'.
   */
  readonly changed: Event
  /**
   * The bytes themselves, from `offset` on, a multiple of 65536. Others write to them at any time: use `Atomics` where that matters. Closing the
   * mapping detaches the buffer, the end of its worker does, too. It cannot be transferred. A file that somebody truncates kills who touches what is gone.
   *
   * @param length bytes; up to the end by default
   * @throws `ERR_BYNAME_ACCESS_DENIED` if it can only be read, where a store would kill the process, so use {@link read}; and beyond the end.
   *   `ERR_BYNAME_MISALIGNED` for another offset
   */
  view(offset?: number, length?: number): ArrayBuffer
  /**
   * A copy of the bytes as they were between two changes. Blocks the thread while a change is being made, which is short unless its writer is
   * stopped.
   *
   * @param length bytes; up to the end by default
   * @returns `null` after the time-out
   * @throws `ERR_BYNAME_DISCONNECTED` if the writer died in the middle of a change: the bytes are whole again after the next one
   */
  read(offset?: number, length?: number): Uint8Array
  read(offset: number | undefined, length: number | undefined, options: TimeoutOptions | undefined): Uint8Array | null
  /**
   * Copies bytes to `offset` as one published change.
   *
   * @throws `ERR_BYNAME_NOT_OWNER` while another thread is in the middle of a change: several writers need a mutex among them
   */
  write(data: ArrayBuffer | ArrayBufferView | SharedArrayBuffer, offset?: number): void
  /**
   * Calls `body` in the middle of a change: until it returns, {@link read} waits, in all processes. Then the change is published.
   *
   * @param body is told whether the writer before died in the middle of a change, so that the bytes may be half made; it must not be asynchronous
   * @returns what `body` returns
   */
  change<T>(body: (abandoned: boolean) => T): T
  /** Publishes what was written before: one more version, and {@link changed} is set. */
  publish(): void
  /** Writes what was changed to the file. Of memory there is nothing to do (contract 7.4). */
  flush(): void
}

/** Which ends of a queue, and where. */
export interface QueueOpenOptions {
  /** The namespace of the name; this user's local one by default. */
  namespace?: Namespace | undefined
  /** The ends of this object: `r` gets, `w` puts, `rw` both (the default). */
  mode?: 'r' | 'w' | 'rw' | undefined
}

/** A message, and whether it came as an alert. */
export interface QueueMessage {
  /** Its bytes, a copy: a Buffer. */
  data: Uint8Array
  /** Whether it was put with `alert`, and none was pending. */
  alert: boolean
}

/** A queue's numbers at one instant. */
export interface QueueInfo {
  /** How many messages it can hold; 0: as many as memory does. */
  maxMessages: number
  /** The largest message in bytes. */
  maxSize: number
  /** Messages that wait; a pending alert does not count. */
  messages: number
  /** The most that ever waited. */
  mostMessages: number
  /** Open reading ends, of all processes. */
  readers: number
  /** Open writing ends, of all processes. */
  writers: number
  /** Whether its ends may come and go. */
  allowBroken: boolean
  /** Whether its memory was reserved when it was made. */
  precommit: boolean
}

/**
 * A message queue: messages of bytes, in order, each to one reader (contract 9).
 *
 * Unless `allowBroken`, a queue that has had both ends and loses the last of one is broken for good, also by the death of a process: its
 * messages are gone, its name is free, and its other ends throw `ERR_BYNAME_DISCONNECTED`. As an object of a wait it is signalled while a
 * message can be got; {@link writable} while there is room; a wait takes nothing. `for await` gets messages until the queue is disconnected.
 *
 * Messages are copied, once at each end. The forms in place of the other languages are not here: a place in the queue stays taken until it is given back, and
 * JavaScript has no end of a scope that does it. Put large data into a {@link Mapping} and send where in it.
 *
 * ```js
 * import { Queue } from 'byname'
 *
 * const jobs = new Queue('jobs', { maxMessages: 16, maxSize: 1024 })
 * await jobs.put(Buffer.from('resize image 7'))
 * const job = await jobs.get({ timeout: 5000 })
 * console.log(job?.toString() ?? 'nothing to do')
 * ```
 */
export class Queue extends Handle implements AsyncIterable<Uint8Array> {
  /**
   * Makes the queue `name`, or opens it if it exists; then the numbers say nothing, but `maxSize` must be the same. Throws as that of
   * {@link Mutex}, and `ERR_BYNAME_INVALID_ARGUMENT` for numbers out of range, `ERR_BYNAME_NO_SPACE` where memory is short.
   *
   * @param options.maxMessages how many it holds; 0, the default: as many as memory does
   * @param options.maxSize the largest message in bytes, up to 64 MiB; 4096 by default
   * @param options.allowBroken lets its ends come and go
   * @param options.precommit reserves its memory at once, the default where there is a limit
   */
  constructor(
    name?: string | null,
    options?: QueueOpenOptions & {
      maxMessages?: number | undefined
      maxSize?: number | undefined
      allowBroken?: boolean | undefined
      precommit?: boolean | undefined
    },
  )
  /** Opens an existing queue, whatever its numbers are; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: QueueOpenOptions): Queue
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<QueueOpenOptions, 'mode'>): Queue
  /** Which ends it has. */
  readonly mode: 'r' | 'w' | 'rw'
  /** Its writing end, for waits: signalled while there is room. (Of mode `r`, itself.) */
  readonly writable: Queue
  /**
   * Puts a message, without blocking the thread; waits while the queue is full. The bytes are copied at once.
   *
   * @param options.alert is got before all others, if no other is pending (contract 9.6)
   * @returns `false` after the time-out
   * @throws (rejects) `ERR_BYNAME_DISCONNECTED` without a reader, `ERR_BYNAME_MESSAGE_TOO_LONG`, `ERR_BYNAME_NO_SPACE`,
   * `ERR_BYNAME_INVALID_ARGUMENT` for an empty message
   */
  put(data: ArrayBufferView | ArrayBufferLike, options?: WaitOptions & { alert?: boolean | undefined }): Promise<boolean>
  /** As {@link put}, blocking the thread. */
  putSync(data: ArrayBufferView | ArrayBufferLike, options?: TimeoutOptions & { alert?: boolean | undefined }): boolean
  /**
   * Gets the next message, a pending alert or the oldest, without blocking the thread; waits for one.
   *
   * @returns a Buffer of its own; `null` after the time-out
   * @throws (rejects) `ERR_BYNAME_DISCONNECTED` without a writer
   */
  get(options?: WaitOptions): Promise<Uint8Array | null>
  /** As {@link get}, blocking the thread. */
  getSync(options?: TimeoutOptions): Uint8Array | null
  /** As {@link get}, and tells whether it came as an alert. */
  getMessage(options?: WaitOptions): Promise<QueueMessage | null>
  /** As {@link getMessage}, blocking the thread. */
  getMessageSync(options?: TimeoutOptions): QueueMessage | null
  /** Gets messages until the queue is disconnected. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void, undefined>
  /** Its numbers at one instant; throws `ERR_BYNAME_DISCONNECTED` where it is broken. */
  info(): QueueInfo
}

/**
 * Another process, of which nothing is known but that it ends some day (contract 10.1). {@link Process.open} makes one.
 *
 * It is signalled when the process has ended, all its threads included, and stays so: "this event, or that process is gone" is one
 * {@link waitAny}. It need not use byname, be a child, or belong to the same user. What is opened is the process and not its number, so
 * that a later process of that number is never taken for it.
 *
 * ```js
 * import { Process } from 'byname'
 * import { spawn } from 'node:child_process'
 *
 * const child = spawn('sh', ['-c', 'exit 3'])
 * const process = Process.open(child.pid)
 * await process.wait()
 * console.log(process.exitCode) // 3
 * ```
 */
export class Process extends Handle {
  private constructor()
  /**
   * Opens the process `pid` of the caller's own PID namespace. One that has ended and was not reaped yet is signalled from the
   * beginning.
   *
   * @param options.access SYNCHRONIZE to wait, 0x0400 for the exit code, 0x0001 to terminate
   * @throws `ERR_BYNAME_INVALID_ARGUMENT` where no process has that number; `ERR_BYNAME_UNSUPPORTED` before Linux 5.3
   */
  static open(pid: number, options?: OpenOptions): Process
  /** The number by which it was opened. */
  readonly pid: number
  /**
   * How it ended; `null` while it runs. The status that it gave; 128 and the number of the signal that ended it, as a shell says it; or the
   * code of {@link Process.terminate}. Nothing is reaped.
   *
   * @throws `ERR_BYNAME_UNSUPPORTED` where it was no child, has been reaped, and the kernel is older than Linux 6.15
   */
  readonly exitCode: number | null
  /**
   * Kills it at once, by SIGKILL. This handle tells `code` as the exit code afterwards; its parent, and everybody else, sees the signal.
   *
   * @throws `ERR_BYNAME_ACCESS_DENIED` if it has ended or is another user's
   */
  terminate(code: number): void
  /**
   * Waits until it has ended, without blocking the thread.
   *
   * @returns `false` after the time-out
   */
  wait(options?: WaitOptions): Promise<boolean>
  /**
   * Waits until it has ended, blocking the thread.
   *
   * @returns `false` after the time-out
   */
  waitSync(options?: TimeoutOptions): boolean
}

/**
 * A set of processes that share limits, an account and an end (contract 8).
 *
 * A member is one for life, and so are all its later children, whatever they do: a daemon's double fork does not lead out. With
 * `killOnClose` all of them are killed when the last process that has the job open closes it or dies, by SIGKILL included. A job is
 * signalled by {@link Job.terminate}, and by nothing else: not by becoming empty.
 *
 * ```js
 * import { Job } from 'byname'
 *
 * const job = new Job('build', { killOnClose: true })
 * const child = job.spawn('sleep', ['1000'])
 * console.log(job.pids()) // [ child.pid ]
 * job.terminate(1)
 * await job.wait()
 * job.close()
 * ```
 */
export class Job extends Handle {
  /**
   * Makes the job `name`, or opens it if it exists; then the options say nothing. Throws as that of {@link Mutex}, and
   * `ERR_BYNAME_UNSUPPORTED` where this system has none of the means by which processes are kept together.
   *
   * @param options.killOnClose its processes are killed when the last handle to it is closed
   */
  constructor(name?: string | null, options?: OpenOptions & { killOnClose?: boolean | undefined })
  /** Opens an existing job; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Job
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Job
  /**
   * Puts a process into the job. Children that it has already stay where they are (contract 8.2).
   *
   * @throws `ERR_BYNAME_INVALID_ARGUMENT` where there is no such process; `ERR_BYNAME_ACCESS_DENIED` if it has ended, is in the job already, or
   * in another one that this one is not inside of; `ERR_BYNAME_LIMIT_REACHED` (1816), and it is killed, where the job is full
   */
  assign(pid: number): void
  /**
   * `child_process.spawn` of a program that is in the job before its first instruction. `/bin/sh` enters the job and becomes the program:
   * one that cannot be found ends with status 127, and emits no `error`.
   *
   * @throws `ERR_BYNAME_LIMIT_REACHED` (1816) where the job is full
   */
  spawn(command: string, args?: readonly string[], options?: object): import('node:child_process').ChildProcess
  spawn(command: string, options?: object): import('node:child_process').ChildProcess
  /**
   * Kills all its processes at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on. {@link Process.exitCode} tells
   * `code` for all of them as long as the job is open; a parent sees the signal (contract 8.1, JL3, JL11).
   */
  terminate(code: number): void
  /** The living processes in it, and in jobs inside it. */
  pids(): number[]
  /** Whether a process is in it, or in a job inside it. */
  contains(pid: number): boolean
  /** What it limits; `null` is no limit (contract 8.4). */
  limits(): { activeProcesses: number | null; memory: number | null; killOnClose: boolean }
  /**
   * Sets all its limits: what is left out is lifted (contract 8.4).
   *
   * @param limits.activeProcesses the most processes at a time
   * @param limits.memory the most bytes that they may have together
   * @param limits.killOnClose as in the constructor
   * @throws `ERR_BYNAME_UNSUPPORTED` where the system has no controller that could hold a limit
   */
  limit(limits: { activeProcesses?: number | null | undefined; memory?: number | null | undefined; killOnClose?: boolean | undefined }): void
  /**
   * What it has come to: processes now, put in by byname, and killed by the limit; milliseconds in programs and in the kernel; bytes, `null`
   * where the system does not count them (contract 8.5).
   */
  accounting(): {
    activeProcesses: number
    totalProcesses: number
    terminatedProcesses: number
    userTime: number
    systemTime: number
    memoryPeak: number | null
  }
  /**
   * Begins to tell this process what happens in it: first who is in it, then who comes, who goes, and that nobody is left (contract 8.7).
   *
   * Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if it lives long enough to be seen:
   * up to a twentieth of a second.
   *
   * @throws `ERR_BYNAME_INVALID_ARGUMENT` where this process has them already; `ERR_BYNAME_LIMIT_REACHED` where no descriptor or watch is left
   */
  notifications(): JobNotifications
  /** What keeps its processes together: `"cgroup2"`, or `"processes"` where there is no control group of version 2: marks, and a walk over them. */
  readonly backend: string
  /**
   * Waits until it has been terminated, without blocking the thread.
   *
   * @returns `false` after the time-out
   */
  wait(options?: WaitOptions): Promise<boolean>
  /**
   * Waits until it has been terminated, blocking the thread.
   *
   * @returns `false` after the time-out
   */
  waitSync(options?: TimeoutOptions): boolean
}

/** One notification of a job. */
export interface JobNotification {
  /**
   * What happened: `abnormal-exit` is by SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT, `zero` that no process is left.
   */
  message: 'new' | 'exit' | 'abnormal-exit' | 'zero' | 'process-limit' | 'memory-limit'
  /** The same as the number that it has on Windows: 6, 7, 8, 4, 3, 10. */
  id: number
  /** To which process; 0 for what is told of the job. */
  pid: number
}

/**
 * The notifications of a job, in order; {@link Job.notifications} begins them. In a wait it is signalled while there is one; a wait takes none. They are this
 * process's own: others that want them ask for themselves. Closing it ends them; it does not keep the job open.
 *
 * ```js
 * import { Job } from 'byname'
 *
 * const job = new Job()
 * const told = job.notifications()
 * job.spawn('true')
 * for await (const { message, pid } of told) {
 *   console.log(message, pid) // new …, exit …, zero 0
 *   if (message === 'zero') told.close() // which ends the loop
 * }
 * job.close()
 * ```
 */
export class JobNotifications extends Handle implements AsyncIterable<JobNotification> {
  private constructor()
  /**
   * Takes the next one, without blocking the thread.
   *
   * @returns `null` after the time-out
   * @throws (rejects) `ERR_BYNAME_CLOSED` if it is closed meanwhile; `signal.reason` if it is aborted, and then none is taken
   */
  get(options?: WaitOptions): Promise<JobNotification | null>
  /**
   * Takes the next one, blocking the thread.
   *
   * @returns `null` after the time-out
   */
  getSync(options?: TimeoutOptions): JobNotification | null
  /** Takes one after the other, until it is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<JobNotification>
}

/**
 * A counter of units, each acquisition takes one (contract 5).
 *
 * ```js
 * import { Semaphore } from 'byname'
 *
 * const slots = new Semaphore('encoders', { initial: 4, maximum: 4, robust: true })
 * const slot = await slots.acquire()
 * console.log(`${slots.available()} left`)
 * slot.release()
 * ```
 */
export class Semaphore extends Lock {
  /**
   * Makes the semaphore `name`, or opens it if it exists; then the numbers say nothing, but must be possible. Throws as that of
   * {@link Mutex}, and `ERR_BYNAME_INVALID_ARGUMENT` for numbers out of range.
   *
   * @param options.initial the free units at the beginning; 1 by default
   * @param options.maximum the most units there can be: 1 to 2147483647, which is the default
   * @param options.robust units of a holder that dies, or whose grant is lost, come back
   */
  constructor(
    name?: string | null,
    options?: OpenOptions & { initial?: number | undefined; maximum?: number | undefined; robust?: boolean | undefined },
  )
  /** Opens an existing semaphore; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Semaphore
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Semaphore
  /**
   * Adds `n` units, without a grant. Above the maximum it throws `ERR_BYNAME_TOO_MANY_POSTS` and adds none; below 1 it throws
   * `ERR_BYNAME_INVALID_ARGUMENT`.
   *
   * @param n 1 by default
   * @returns the count before
   */
  release(n?: number): number
  /** The units that are free now; takes nothing. */
  available(): number
  /** All of its state at one instant; looking takes nothing and waits for nobody. */
  state(): { available: number; maximum: number; robust: boolean }
}

/**
 * A timer: signaled when its time comes (contract 6). A manual-reset timer then lets everyone through until it is set anew, an
 * auto-reset timer exactly one. It goes on when the process that set it ends, as long as any has it open.
 *
 * ```js
 * import { Timer } from 'byname'
 *
 * const beat = new Timer('beat')
 * beat.set({ due: 2, period: 5 }) // after 2 ms, then every 5 ms
 * await beat.wait()
 * await beat.wait()
 * beat.cancel()
 * ```
 */
export class Timer extends Handle {
  /**
   * Makes the timer `name`, not set, or opens it if it exists; then the options say nothing. Throws as that of {@link Mutex}.
   *
   * @param options.manualReset stays signaled until it is set anew; by default a satisfied wait resets it
   */
  constructor(name?: string | null, options?: OpenOptions & { manualReset?: boolean | undefined })
  /** Opens an existing timer; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Timer
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Timer
  /**
   * Sets it: not signaled until it is due, and due again after each period (contract 6.1). An earlier setting is over; who waits
   * goes on waiting for the new time. The times are the first one and that plus whole periods, however late anybody looks; those
   * that nobody waited for are one. It is never early.
   *
   * @param setting.due milliseconds from now, or a `Date`, which follows the wall clock when that is set; what has passed is at once
   * @param setting.period the interval after that in milliseconds; 0, the default: once
   * @throws `ERR_BYNAME_INVALID_ARGUMENT` for a time that is negative, NaN or infinite, an invalid date, a period of more than
   *   2147483647 ms
   */
  set(setting: { due: number | Date; period?: number | undefined }): void
  /** Stops it. Whether it is signaled stays as it is, and who waits goes on waiting (contract 6.2). */
  cancel(): void
  /** How many milliseconds are left until its time comes next; `null` if it does not. */
  remaining(): number | null
  /** All of its state at one instant; looking takes nothing and waits for nobody. `period` is in milliseconds; 0: once. */
  state(): { signaled: boolean; manualReset: boolean; remaining: number | null; period: number }
  /**
   * Waits until it is signaled, without blocking the thread.
   *
   * @returns `false` after the time-out
   * @throws (rejects) as {@link Mutex.acquire}
   */
  wait(options?: WaitOptions): Promise<boolean>
  /**
   * Waits until it is signaled, blocking the thread.
   *
   * @returns `false` after the time-out
   */
  waitSync(options?: TimeoutOptions): boolean
}

/**
 * A watchdog: acts when it is not refreshed in time (contract 9.8). Whoever starts it is watched and must refresh it within each period;
 * else it is signaled, and after the grace it acts.
 *
 * ```js
 * import { Watchdog } from 'byname'
 *
 * const dog = new Watchdog('alive', { period: 5000, grace: 1000, action: 'kill' })
 * dog.start()
 * const beat = setInterval(() => dog.refresh(), 1000) // as long as the event loop turns
 * // ... later
 * clearInterval(beat)
 * dog.stop()
 * ```
 */
export class Watchdog extends Handle {
  /**
   * Makes the watchdog `name`, stopped, or opens it if it exists; then the options say nothing, but must be possible. Throws as that of
   * {@link Mutex}, and `ERR_BYNAME_INVALID_ARGUMENT` for times out of range.
   *
   * @param options.period within how many milliseconds it must be refreshed
   * @param options.grace how many milliseconds after that the action waits
   * @param options.action `'kill'`: SIGKILL to the process that started it, also if it hangs or is stopped; `'none'`: nothing more
   * @param options.systemd each refresh tells systemd, too (`WATCHDOG=1` to `NOTIFY_SOCKET`)
   */
  constructor(
    name: string | null | undefined,
    options: OpenOptions & { period: number; grace: number; action: 'kill' | 'none'; systemd?: boolean | undefined },
  )
  /** Opens an existing watchdog; throws `ERR_BYNAME_NOT_FOUND` where there is none. */
  static open(name: string, options?: OpenOptions): Watchdog
  /** Opens the one of a token that {@link Handle.share} gave, here or in another process; throws `ERR_BYNAME_NOT_FOUND` where it has ended. */
  static fromShare(token: string, options?: Pick<OpenOptions, 'access'>): Watchdog
  /** Starts it, or starts it anew: this process is watched (WD1). */
  start(): void
  /** Gives it one period more from now; any process may (WD6). In its grace, or expired, it runs again; stopped, it stays so. */
  refresh(): void
  /** Stops it: it is not signaled, and an action that has not been taken is not (WD10). */
  stop(): void
  /** All of its state at one instant, times in milliseconds; looking waits for nobody. */
  state(): {
    stage: 'stopped' | 'running' | 'grace' | 'expired'
    pid: number | null
    remaining: number | null
    period: number
    grace: number
    action: 'kill' | 'none' | 'reset-device'
  }
  /**
   * Waits until it is signaled, which the wait does not change, without blocking the thread.
   *
   * @returns `false` after the time-out
   * @throws (rejects) as {@link Mutex.acquire}
   */
  wait(options?: WaitOptions): Promise<boolean>
  /**
   * Waits until it is signaled, blocking the thread.
   *
   * @returns `false` after the time-out
   */
  waitSync(options?: TimeoutOptions): boolean
}

/** What can be waited for. */
export type Waitable = Mutex | Event | Semaphore | Timer | Watchdog | Queue | Process | Job | JobNotifications

/**
 * A satisfied wait. Release it when it may have taken a mutex or a semaphore's unit: nothing else gives them back.
 *
 * ```js
 * import { Event, Mutex, waitAnySync } from 'byname'
 *
 * const [stop, ledger] = [new Event('stop', { manualReset: true }), new Mutex('ledger')]
 * const won = waitAnySync([stop, ledger])
 * if (won.object === ledger) console.log(`mine, fence ${won.grants[0].fence}`)
 * won.release() // TypeScript, Node 24: `using won = …` does it
 * ```
 */
export class WaitResult<T extends Waitable = Waitable> implements Disposable, AsyncDisposable {
  private constructor()
  /** Which object it was; -1 for `waitAll`. */
  readonly index: number
  /** The object; `null` for `waitAll`. */
  readonly object: T | null
  /** Whether a mutex that was taken had been abandoned. */
  readonly abandoned: boolean
  /** The grants of the mutexes and semaphores that were taken: none or one, for `waitAll` in the order of the list. */
  readonly grants: readonly Grant[]
  /** Releases the grants that are still held. */
  release(): void
  /** Releases the grants that are still held. */
  [Symbol.dispose](): void
  /** Releases the grants that are still held. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Waits for one of several objects: the first of the list that is signalled at entry, else the one that becomes so. Only that
 * one is taken (contract 10.3, 10.4).
 *
 * ```js
 * import { Event, Semaphore, waitAny } from 'byname'
 *
 * const stop = new Event('stop', { manualReset: true })
 * const work = new Semaphore('work', { initial: 1, maximum: 100 })
 * const won = await waitAny([stop, work], { timeout: 1000 })
 * if (won?.index === 1) won.release()
 * ```
 *
 * @returns `null` after the time-out
 * @throws (rejects) `ERR_BYNAME_INVALID_ARGUMENT` for an empty list, `ERR_BYNAME_CLOSED` and `ERR_BYNAME_ACCESS_DENIED` for one of
 *   them, and then nothing is taken; `signal.reason` if it is aborted
 */
export function waitAny<T extends Waitable>(objects: readonly T[], options?: WaitOptions): Promise<WaitResult<T> | null>
/**
 * Waits until all objects are signalled at one instant, and takes all of them then; none before (contract 10.3, 10.5).
 *
 * ```js
 * import { Mutex, waitAll } from 'byname'
 *
 * const both = await waitAll([new Mutex('accounts/a'), new Mutex('accounts/b')])
 * console.log(both.grants.length)
 * both.release()
 * ```
 *
 * @returns `null` after the time-out
 * @throws (rejects) as {@link waitAny}, and `ERR_BYNAME_INVALID_ARGUMENT` where one object stands twice
 */
export function waitAll<T extends Waitable>(objects: readonly T[], options?: WaitOptions): Promise<WaitResult<T> | null>
/**
 * Signals one object (sets an event, adds a unit to a semaphore), then waits for another. After a time-out the signal stays given
 * (contract 10.8).
 *
 * ```js
 * import { Event, signalAndWait } from 'byname'
 *
 * const [done, go] = [new Event('done'), new Event('go', { initial: true })]
 * await signalAndWait(done, go)
 * console.log(done.isSet())
 * ```
 *
 * @returns `null` after the time-out
 * @throws (rejects) as {@link waitAny}, and what signalling throws: `ERR_BYNAME_TOO_MANY_POSTS`, and `ERR_BYNAME_NOT_OWNER` for a
 *   mutex, which a grant of Node releases
 */
export function signalAndWait<T extends Waitable>(signal: Waitable, object: T, options?: WaitOptions): Promise<WaitResult<T> | null>

/** {@link waitAny}, blocking the thread. */
export function waitAnySync<T extends Waitable>(objects: readonly T[], options?: TimeoutOptions): WaitResult<T> | null
/** {@link waitAll}, blocking the thread. */
export function waitAllSync<T extends Waitable>(objects: readonly T[], options?: TimeoutOptions): WaitResult<T> | null
/** {@link signalAndWait}, blocking the thread. */
export function signalAndWaitSync<T extends Waitable>(signal: Waitable, object: T, options?: TimeoutOptions): WaitResult<T> | null

/**
 * Which objects a name can mean. Processes that use the same namespace meet at its names (contract 1.5).
 *
 * ```js
 * import { Event, Namespace } from 'byname'
 *
 * const nightly = Namespace.session('nightly')
 * const done = new Event('done', { namespace: nightly })
 * console.log(nightly.sessionName, nightly.path)
 * done.close()
 * ```
 */
export class Namespace {
  private constructor()
  /** This user's namespace, of the session that the environment variable `BYNAME_SESSION` names. The default everywhere. */
  static local(): Namespace
  /** This user's namespace of a session: letters, digits, `-`, `_` and `.`, 1 to 64 of them. */
  static session(name: string): Namespace
  /** A namespace behind a boundary; throws `ERR_BYNAME_UNSUPPORTED` in this version. */
  static private(boundary: string, alias: string): Namespace
  /**
   * The same namespace under the rules of `'desktop'` or of Windows `'ce'`: a name space for each kind, in which `''` is a name and a backslash is
   * none; mutex, event, semaphore, mapping, queue and watchdog alone; no wait for all (contract 0.3, 1.4). Their objects never meet.
   */
  profile(profile: 'desktop' | 'ce'): Namespace
  /** The rules of naming that hold in it. */
  readonly rules: 'desktop' | 'ce'
  /** The session's name; `null` for the default session. */
  readonly sessionName: string | null
  /** The file that the namespace lives in. */
  readonly path: string
}

/**
 * How much of a namespace this process uses now: open handles, owners (threads and grants), waits in progress, their places in
 * queues, and objects that it keeps alive. For tests that look for leaks.
 *
 * ```js
 * import { Event, usage } from 'byname'
 *
 * const before = usage().handles
 * new Event('ready').close()
 * if (usage().handles !== before) throw new Error('a handle is left')
 * ```
 */
export function usage(namespace?: Namespace): { handles: number; owners: number; waiters: number; nodes: number; objects: number }

/**
 * Leaves SIGBUS to the program; to be called before the first object is made.
 *
 * Otherwise byname installs one handler then, which turns the truncation of a namespace's file into `ERR_BYNAME_NAMESPACE_LOST` and passes
 * every other SIGBUS on to the handler that was there before. Without it, a process whose namespace is truncated dies of SIGBUS when it
 * touches the file next. Namespaces that are in use already stay guarded. (`process.on('SIGBUS')` must come before the first object, too.)
 *
 * ```js
 * import { Event, leaveSigbusAlone } from 'byname'
 *
 * leaveSigbusAlone()
 * new Event('ready').close()
 * ```
 */
export function leaveSigbusAlone(): void

/** Why byname refused: the `code` of a {@link ByNameError}. */
export type ErrorCode =
  | 'ERR_BYNAME_NOT_FOUND'
  | 'ERR_BYNAME_PATH_NOT_FOUND'
  | 'ERR_BYNAME_ALREADY_EXISTS'
  | 'ERR_BYNAME_ACCESS_DENIED'
  | 'ERR_BYNAME_WRONG_KIND'
  | 'ERR_BYNAME_INVALID_NAME'
  | 'ERR_BYNAME_NAME_TOO_LONG'
  | 'ERR_BYNAME_INVALID_ARGUMENT'
  | 'ERR_BYNAME_MISALIGNED'
  | 'ERR_BYNAME_TOO_MANY_POSTS'
  | 'ERR_BYNAME_CLOSED'
  | 'ERR_BYNAME_NOT_OWNER'
  | 'ERR_BYNAME_WOULD_DEADLOCK'
  | 'ERR_BYNAME_DISCONNECTED'
  | 'ERR_BYNAME_MESSAGE_TOO_LONG'
  | 'ERR_BYNAME_BUFFER_TOO_SMALL'
  | 'ERR_BYNAME_NO_SPACE'
  | 'ERR_BYNAME_LIMIT_REACHED'
  | 'ERR_BYNAME_VERSION_MISMATCH'
  | 'ERR_BYNAME_CORRUPTED'
  | 'ERR_BYNAME_NAMESPACE_LOST'
  | 'ERR_BYNAME_UNSUPPORTED'
  | 'ERR_BYNAME_SYSTEM'

/**
 * What byname refuses. Its message names the object and the cure. (An argument of the wrong JavaScript type is a `TypeError` with
 * the code `ERR_INVALID_ARG_TYPE`; a time-out and an abandoned mutex are outcomes.)
 *
 * ```js
 * import { ByNameError, Mutex } from 'byname'
 *
 * try {
 *   Mutex.open('nobody made this')
 * } catch (error) {
 *   if (!(error instanceof ByNameError) || error.code !== 'ERR_BYNAME_NOT_FOUND') throw error
 *   console.log(error.message, error.win32)
 * }
 * ```
 */
export class ByNameError extends Error {
  /** For tests and wrappers; byname makes its own. */
  constructor(message: string, code: ErrorCode, win32: number, errno?: number | null)
  /** The class. */
  name: 'ByNameError'
  /** What a caller does differently. */
  code: ErrorCode
  /** The exact Win32 error number. */
  win32: number
  /** The operating system's number, where a system call failed. */
  errno?: number
}

/** The version of this package. */
export const version: string
