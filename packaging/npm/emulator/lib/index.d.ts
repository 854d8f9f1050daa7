/// <reference lib="esnext.disposable" />

/**
 * Starts an emulator of Azure Web PubSub and Azure Relay Hybrid Connections, on free ports of loopback.
 *
 * It takes about 20 milliseconds. The emulator ends with {@link Emulator.stop}, and with this process or worker, however
 * that ends. It does not keep this process alive.
 *
 * Rejects with an {@link EmulatorError}: `NO_PROGRAM` if there is no program for this platform, `NOT_STARTED` if it ended before it was
 * ready, `TIMEOUT` if it was not ready in time, `INVALID_ARGUMENT` for a wrong option. No process is left then, and `log` has
 * what the program said.
 *
 * ```js
 * const { startEmulator } = require("azwire-emulator");
 *
 * const emulator = await startEmulator();
 * const service = new WebPubSubServiceClient(emulator.pubsub.connectionString, "chat", { allowInsecureConnection: true });
 * ```
 */
export function startEmulator(options?: StartOptions): Promise<Emulator>;

/**
 * Returns an emulator that somebody else has started, such as the global setup of a test run.
 *
 * @param ready Its ready line, as an object or as JSON; default: the variable `AZWIRE_EMULATOR_READY`, which `azwire-emulator exec`
 * sets.
 */
export function connectEmulator(ready?: ReadyLine | string): EmulatorClient;

/** How an emulator is started. What is not here is a flag ({@link args}) or a variable `AZWIRE_EMULATOR_…`. */
export interface StartOptions {
  /** Further flags of the program, such as `["--no-relay", "--auto-create"]`. */
  args?: readonly string[] | undefined;
  /** A TOML file with settings. */
  config?: string | undefined;
  /** The working directory; default: that of this process. */
  cwd?: string | undefined;
  /** Variables for the program, besides those of this process; `undefined` removes one. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Event handlers as `HUB=URL-TEMPLATE`, in which `{hub}` and `{event}` are replaced. */
  eventHandlers?: readonly string[] | undefined;
  /** Whether to pick a free port wherever none is given by a flag or a variable; default: `true`. */
  freePorts?: boolean | undefined;
  /** The hybrid connections of Relay, each as `NAME` or `NAME:anonymous`; default: `hc1`. */
  hybridConnections?: readonly string[] | undefined;
  /**
   * Where the log goes: to standard error of this process, or line by line to a function. Its level is that of `RUST_LOG`; default:
   * `info`. Without this option warnings alone are logged, and only {@link Emulator.log} and errors show them.
   */
  log?: "inherit" | ((line: string) => void) | undefined;
  /**
   * The path of the program; default: the variable `AZWIRE_EMULATOR_PROGRAM`, or the program in the package for this
   * platform.
   */
  program?: string | undefined;
  /** How long to wait until it is ready, in milliseconds; default: 10,000. */
  timeout?: number | undefined;
}

/** What every request to an emulator takes. */
export interface RequestOptions {
  /** Ends the request; the promise then rejects with the reason. */
  signal?: AbortSignal | undefined;
}

/**
 * An emulator, wherever it runs. Its requests reject with an {@link EmulatorError}: `REFUSED` with the `status` and the reason,
 * `UNREACHABLE`, or `ENDED` if it was started here and has ended.
 */
export class EmulatorClient {
  protected constructor(ready: ReadyLine);
  /** What it printed when it was ready. It has the keys, and can be passed to another process or worker. */
  readonly ready: ReadyLine;
  /** The address of the admin API; its page is there, too. */
  readonly control: string;
  /** The file with the certificate to trust for TLS. */
  readonly caCertificate: string;
  /** Web PubSub. Throws an {@link EmulatorError} with `ABSENT` if it was started without. */
  readonly pubsub: PubSub;
  /** Relay. Throws an {@link EmulatorError} with `ABSENT` if it was started without. */
  readonly relay: Relay;
  /** The authority for Entra ID tokens. Throws an {@link EmulatorError} with `ABSENT` if it was started without. */
  readonly identity: IdentityLine;
  /** The clock, on which all its delays and expiries are. */
  readonly clock: Clock;
  /**
   * The variables by which another process finds it: `WEBPUBSUB_CONNECTION_STRING`, `WEBPUBSUB_ENDPOINT`, `RELAY_CONNECTION_STRING`,
   * `AZWIRE_EMULATOR_READY`, those that official credentials sign in with, and `NODE_EXTRA_CA_CERTS`, which Node reads at
   * its start only.
   */
  readonly environment: Record<string, string>;
  /** Returns whether it is healthy, its version, and for how long it has run, in seconds. */
  health(options?: RequestOptions): Promise<Health>;
  /**
   * Makes everything as it was after the start: no connections, groups, faults, records, and the clock not moved. Addresses
   * and keys stay.
   */
  reset(options?: RequestOptions): Promise<void>;
  /** Has the authority sign with its next key. */
  rotateKeys(options?: RequestOptions): Promise<void>;
  /**
   * Returns the records of what happened that fit all filters, the oldest first.
   *
   * ```js
   * const [sent] = await emulator.journal({ kind: "request", group: "kitchen" }, { wait: 5_000 });
   * ```
   */
  journal<Kind extends JournalKind = JournalKind>(
    filters?: JournalFilters<Kind>,
    options?: JournalOptions,
  ): Promise<JournalRecords<JournalRecordOf<Kind>>>;
  /** Removes all records. */
  clearJournal(options?: RequestOptions): Promise<void>;
}

/** An emulator that this process has started. */
export class Emulator extends EmulatorClient {
  private constructor();
  /** The id of its process. */
  readonly pid: number;
  /** The end of its log, at most 65,536 characters. */
  readonly log: string;
  /** Ends it; resolves when its process has ended. Further calls do nothing. */
  stop(): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What went wrong. */
export class EmulatorError extends Error {
  constructor(code: EmulatorErrorCode, message: string, details?: EmulatorErrorDetails);
  readonly name: "EmulatorError";
  readonly code: EmulatorErrorCode;
  /** The exit code of the emulator, if it has ended with one. */
  readonly exitCode?: number;
  /** The end of what the emulator said on standard error; empty if nothing. */
  readonly log: string;
  /** The signal that ended the emulator, if one did. */
  readonly signal?: string;
  /** The status with which the emulator refused a request. */
  readonly status?: number;
}

/** What {@link EmulatorError} has besides its message. */
export interface EmulatorErrorDetails {
  cause?: unknown;
  exitCode?: number | null | undefined;
  log?: string | undefined;
  signal?: string | null | undefined;
  status?: number | undefined;
}

export type EmulatorErrorCode =
  /** It was started without that service. */
  | "ABSENT"
  /** It has ended. */
  | "ENDED"
  /** An argument or an option is wrong. */
  | "INVALID_ARGUMENT"
  /** It ended before it was ready, or could not be started. */
  | "NOT_STARTED"
  /** There is no program for this platform, or its package is not installed. */
  | "NO_PROGRAM"
  /** The emulator refused a request. */
  | "REFUSED"
  /** Something did not happen in time. */
  | "TIMEOUT"
  /** There is no emulator at the address. */
  | "UNREACHABLE";

/** What the program prints when it is ready. */
export interface ReadyLine {
  readonly pubsub?: PubSubLine;
  readonly relay?: RelayLine;
  readonly identity?: IdentityLine;
  /** The file with the certificate to trust for TLS. */
  readonly caCertificate: string;
  /** The address of the admin API. */
  readonly control: string;
}

/** Where Web PubSub is. */
export interface PubSubLine {
  /** Such as `http://127.0.0.1:8080`. */
  readonly endpoint: string;
  readonly connectionString: string;
  /** Such as `https://localhost:8080`, for clients that sign in with Entra ID. */
  readonly secureEndpoint: string;
  readonly secureConnectionString: string;
}

/** Where Relay is. */
export interface RelayLine {
  readonly endpoint: string;
  /** That of the namespace, over TLS. */
  readonly connectionString: string;
  /** The same in plain text, for clients that can do that. */
  readonly plainConnectionString: string;
  /** The paths of the hybrid connections. */
  readonly hybridConnections: readonly string[];
  readonly caCertificate: string;
}

/** Where official credentials get tokens. */
export interface IdentityLine {
  readonly authority: string;
  readonly tenantId: string;
  readonly tokenEndpoint: string;
  /** The variables with which `DefaultAzureCredential` signs in, as a managed identity. */
  readonly environment: Readonly<Record<string, string>>;
  /** The variables for each way to sign in. */
  readonly environments: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Health {
  readonly status: string;
  readonly version: string;
  /** In seconds. */
  readonly uptime: number;
}

/** Faults, which both services have. */
export interface FaultTarget {
  /** Arms a plan in place of the one before. */
  arm(plan: FaultPlan, options?: RequestOptions): Promise<FaultState>;
  /** Removes all faults. */
  disarm(options?: RequestOptions): Promise<FaultState>;
  /** Returns how often each rule has struck. */
  faults(options?: RequestOptions): Promise<FaultState>;
}

/** Web PubSub of an emulator. */
export interface PubSub extends PubSubLine, FaultTarget {
  state(options?: RequestOptions): Promise<PubSubState>;
  /** Returns the connections of a hub. */
  connections(hub: string, options?: RequestOptions): Promise<HubConnection[]>;
  /** Adds an event handler, until the next reset. */
  addEventHandler(handler: EventHandler, options?: RequestOptions): Promise<void>;
  /**
   * Has a connected client send a message, which has the form of the JSON subprotocol, whichever the client speaks.
   *
   * @param message Such as `{ type: "event", event: "order", dataType: "text", data: "soup" }`.
   */
  sendAsClient(
    hub: string,
    connectionId: string,
    message: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<void>;
}

/** Relay of an emulator. */
export interface Relay extends RelayLine, FaultTarget {
  state(options?: RequestOptions): Promise<RelayState>;
  /**
   * Waits until a hybrid connection has a listener, and returns the listener's id. Rejects with `TIMEOUT` after a time, in
   * milliseconds; default: 10,000. It needs the journal, which is on by default.
   */
  waitForListener(path: string, options?: RequestOptions & { timeout?: number | undefined }): Promise<string>;
}

/** The clock of an emulator. */
export interface Clock {
  /** Moves it forward, by milliseconds. */
  advance(milliseconds: number, options?: RequestOptions): Promise<ClockState>;
  /** From now on it moves by {@link advance} only. */
  hold(options?: RequestOptions): Promise<ClockState>;
  /** It runs by itself again. */
  release(options?: RequestOptions): Promise<ClockState>;
  state(options?: RequestOptions): Promise<ClockState>;
}

export interface ClockState {
  readonly now: Date;
  /** How far it was advanced in all, in milliseconds. */
  readonly offset: number;
  readonly isHeld: boolean;
}

export interface EventHandler {
  hub: string;
  /** In which `{hub}` and `{event}` are replaced. */
  url: string;
  /** Comma-separated patterns; default: `*`, for all. */
  userEvents?: string | undefined;
  /** Default: all. */
  systemEvents?: readonly ("connect" | "connected" | "disconnected")[] | undefined;
  /** Default: none. */
  groupPresenceEvents?:
    | {
        eventNames: readonly ("joined" | "left")[];
        /** Patterns; default: every group. */
        groupFilters?: readonly string[] | undefined;
      }
    | undefined;
}

// Faults.

/** Rules of faults. The same seed and the same traffic give the same faults. */
export interface FaultPlan {
  seed?: number | undefined;
  rules: readonly FaultRule[];
}

/** One fault, where it strikes, and how often. */
export type FaultRule = (
  | { at: "delivery" | "message" | "now"; fault: "drop" | "halfOpen" }
  | { at: "delivery" | "message" | "now"; fault: "close"; code: number; reason?: string | undefined }
  | { at: "ack"; fault: "delayAck"; milliseconds: number }
  | { at: "ack"; fault: "duplicateAck" | "withholdAck" }
  | { at: "ack"; fault: "refuseAck"; name: string; message?: string | undefined }
  | { at: "open" | "request"; fault: "status"; status: number; retryAfter?: number | undefined }
  | { at: "now"; fault: "expireTokens" }
) & {
  /** Only this hub, or this hybrid connection, whose path is in lower case. */
  scope?: string | null | undefined;
  /** Only this user. */
  user?: string | null | undefined;
  /** Only this connection. */
  connection?: string | null | undefined;
  /** Only every so manieth occasion; default: 1. */
  every?: number | undefined;
  /** How often; default: once. */
  times?: number | "forever" | undefined;
  /** Default: 1. */
  probability?: number | undefined;
};

export interface FaultState {
  readonly seed: number;
  readonly rules: readonly { readonly rule: FaultRule; readonly struck: number }[];
}

// State.

export interface PubSubState {
  /** By name in lower case. A hub is there for as long as it has connections. */
  readonly hubs: Readonly<Record<string, HubState | undefined>>;
  readonly connectionsSoFar: number;
  readonly slowConnectionsDropped: number;
  readonly deadlines: number;
  readonly faults: FaultState;
}

/** Counts of what a hub has. */
export interface HubState {
  readonly connections: number;
  readonly connectionsToRecover: number;
  readonly groups: number;
  readonly users: number;
  readonly groupsWithStates: number;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly unacknowledgedMessages: number;
  readonly unacknowledgedBytes: number;
  readonly expiredMessages: number;
}

export interface HubConnection {
  readonly connectionId: string;
  /** Numbers connections as they opened, not without gaps. */
  readonly number: number;
  readonly userId: string | null;
  /** `null` for a simple client. */
  readonly subprotocol: string | null;
  readonly groups: readonly string[];
  readonly permissions: {
    readonly joinLeaveGroup: GroupPermission;
    readonly sendToGroup: GroupPermission;
    readonly getGroupState: GroupPermission;
    readonly setGroupState: GroupPermission;
  };
  readonly openStreams: number;
  /** Whether it has lost its socket and may recover. */
  readonly isLost: boolean;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly unacknowledgedMessages: number;
  readonly expiredMessages: number;
}

/** The groups that a permission is for, without what is empty. */
export interface GroupPermission {
  readonly all?: boolean;
  readonly groups?: readonly string[];
  readonly patterns?: readonly string[];
  readonly revoked?: readonly string[];
}

export interface RelayState {
  /** By path in lower case. */
  readonly hybridConnections: Readonly<Record<string, HybridConnectionState | undefined>>;
  readonly pendingRendezvous: number;
  readonly pendingRequests: number;
  readonly idleRendezvous: number;
  readonly faults: FaultState;
}

export interface HybridConnectionState {
  /** The ids of the listeners, in the order in which they connected. */
  readonly listeners: readonly string[];
  /** The ids of the senders that are joined to a listener. */
  readonly senders: readonly string[];
  readonly pairs: readonly {
    readonly sender: string;
    readonly listener: string;
    readonly bytesToListener: number;
    readonly bytesToSender: number;
  }[];
  readonly pendingRendezvous: number;
  readonly pendingRequests: number;
  readonly idleRendezvous: number;
}

// The journal.

/** Which records; all filters must fit. */
export interface JournalFilters<Kind extends JournalKind = JournalKind> {
  /** One kind, or several. */
  kind?: Kind | readonly Kind[] | undefined;
  service?: JournalService | undefined;
  /** Without case. */
  hub?: string | undefined;
  /** The path of the hybrid connection, without case. */
  entity?: string | undefined;
  group?: string | undefined;
  user?: string | undefined;
  connection?: string | undefined;
  /** Contained in a payload, name, id, address, reason or error; without case. */
  text?: string | undefined;
  /** Only records after the one with this id. */
  after?: number | undefined;
  /** At most so many, from 1 to 10,000; default: 1,000. */
  limit?: number | undefined;
}

export interface JournalOptions extends RequestOptions {
  /** How long to wait for the first record if none fits yet, in milliseconds, at most 300,000; default: 0. */
  wait?: number | undefined;
}

export interface JournalRecords<Item extends JournalRecord = JournalRecord> extends Array<Item> {
  /** The filter `after` for what comes next. */
  readonly next: number;
  /** How many records after `after` had made room already. */
  readonly missed: number;
}

export type JournalService = "pubsub" | "relay" | "identity" | "emulator";
export type JournalKind = JournalRecord["kind"];
export type JournalRecordOf<Kind extends JournalKind> = Extract<JournalRecord, { kind: Kind }>;

/** One thing that happened, as the emulator's journal has it. Times are in seconds. */
export type JournalRecord =
  | RequestRecord
  | ConnectedRecord
  | DisconnectedRecord
  | MessageRecord
  | EventRecord
  | RefusedRecord
  | ListenerRecord
  | SenderRecord
  | RendezvousRecord
  | RelayedRequestRecord
  | FaultRecord
  | ClockRecord;

/** What every record has, and what any may have. */
export interface RecordBase {
  readonly id: number;
  /** On the emulator's clock, such as `2026-11-29T22:30:44.123Z`. */
  readonly time: string;
  readonly service: JournalService;
  readonly hub?: string;
  readonly entity?: string;
  readonly group?: string;
  readonly user?: string;
  readonly connection?: string;
  readonly trackingId?: string;
  /** Real time, in seconds. */
  readonly took?: number;
  readonly payload?: Payload;
}

/** What was sent: its type, its whole length, and its first 4,096 bytes. */
export interface Payload {
  readonly type: string;
  readonly length: number;
  readonly text?: string;
  /** In place of `text` if it is not UTF-8. */
  readonly base64?: string;
  readonly isCut?: true;
}

export type EndedBy =
  | "client"
  | "listener"
  | "sender"
  | "service"
  | "request"
  | "eventHandler"
  | "fault"
  | "network";

/** A REST request was answered. */
export interface RequestRecord extends RecordBase {
  readonly kind: "request";
  /** Such as `sendToGroup`. */
  readonly operation?: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly error?: string;
  /** How many connections it was sent or applied to. */
  readonly receivers?: number;
}

/** A client was accepted, or recovered its connection. */
export interface ConnectedRecord extends RecordBase {
  readonly kind: "connected";
  readonly subprotocol?: string;
  readonly groups?: readonly string[];
  readonly roles?: readonly string[];
  readonly isRecovered: boolean;
}

/** A client lost its socket, or its connection ended. */
export interface DisconnectedRecord extends RecordBase {
  readonly kind: "disconnected";
  readonly code?: number;
  readonly reason?: string;
  readonly endedBy: EndedBy;
  readonly mayRecover: boolean;
}

/** A client's message was carried out or refused. */
export interface MessageRecord extends RecordBase {
  readonly kind: "message";
  /** Such as `sendToGroup`, `event` or `joinGroup`. */
  readonly operation: string;
  readonly event?: string;
  readonly ackId?: number;
  readonly error?: string;
  readonly receivers?: number;
}

/** An attempt to call an event handler has ended. */
export interface EventRecord extends RecordBase {
  readonly kind: "event";
  /** Such as `connect`; absent for the question whether the handler accepts events. */
  readonly event?: string;
  readonly url: string;
  readonly attempt: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly response?: Payload;
  readonly state?: string;
  readonly error?: string;
  readonly willRetry: boolean;
}

/** A rule was broken. */
export interface RefusedRecord extends RecordBase {
  readonly kind: "refused";
  /** Such as `token`, `role` or `permission`. */
  readonly subject: string;
  readonly rule: string;
  readonly operation?: string;
  readonly url?: string;
  readonly status?: number;
}

/** A listener of Relay came, renewed its token, or went. */
export interface ListenerRecord extends RecordBase {
  readonly kind: "listener";
  readonly action: "opened" | "renewed" | "closed";
  readonly code?: number;
  readonly reason?: string;
  readonly endedBy?: EndedBy;
}

/** A sender's opening was answered; without `status`, it was gone before. */
export interface SenderRecord extends RecordBase {
  readonly kind: "sender";
  readonly url: string;
  readonly status?: number;
  readonly error?: string;
  readonly listener?: string;
}

/** A sender was offered to a listener, joined, rejected or forgotten, or the pair ended. */
export interface RendezvousRecord extends RecordBase {
  readonly kind: "rendezvous";
  readonly action: "offered" | "joined" | "rejected" | "expired" | "ended";
  readonly listener?: string;
  readonly status?: number;
  readonly code?: number;
  readonly reason?: string;
  readonly endedBy?: EndedBy;
  readonly bytesToListener?: number;
  readonly bytesToSender?: number;
}

/** The head of the response to an HTTP request through Relay is there; without `status`, the sender was gone before. */
export interface RelayedRequestRecord extends RecordBase {
  readonly kind: "relayed-request";
  readonly method: string;
  readonly url: string;
  readonly status?: number;
  readonly error?: string;
  readonly listener?: string;
  readonly isByRendezvous: boolean;
  readonly response?: Payload;
}

/** A fault struck. */
export interface FaultRecord extends RecordBase {
  readonly kind: "fault";
  readonly fault: string;
  readonly at: string;
  /** Its place in {@link FaultTarget.faults}; absent if it struck when it was armed. */
  readonly rule?: number;
}

/** The clock was moved. */
export interface ClockRecord extends RecordBase {
  readonly kind: "clock";
  readonly action: "advanced" | "held" | "released";
  readonly by?: number;
  readonly offset: number;
  readonly isHeld: boolean;
}
