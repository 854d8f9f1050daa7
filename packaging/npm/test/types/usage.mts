// What the declarations promise, for an ECMAScript module.
import {
  connectEmulator,
  Emulator,
  type EmulatorClient,
  EmulatorError,
  type EmulatorErrorCode,
  type FaultRule,
  type JournalKind,
  type JournalRecord,
  type ReadyLine,
  startEmulator,
  type StartOptions,
} from "azwire-emulator";
import setup from "azwire-emulator/vitest";

type Same<A, B> = (<T,>() => T extends A ? 1 : 2) extends <T,>() => T extends B ? 1 : 2 ? true : false;
/** Compiles for two types only if they are the same. */
function same<A, B>(_: Same<A, B>): void {}

const options: StartOptions = { args: ["--no-relay"], log: "inherit", timeout: 5_000, env: { RUST_LOG: undefined } };
await using emulator = await startEmulator(options);
same<typeof emulator, Emulator>(true);

const text: string = emulator.pubsub.connectionString + emulator.relay.plainConnectionString + emulator.identity.tenantId;
const shared: EmulatorClient = connectEmulator(emulator.ready);
connectEmulator(JSON.stringify(emulator.ready));
connectEmulator();

const [sent] = await emulator.journal({ kind: "request", group: "kitchen" }, { wait: 1_000 });
same<typeof sent, Extract<JournalRecord, { kind: "request" }> | undefined>(true);
const some = await shared.journal({ kind: ["connected", "disconnected"], after: 3 });
for (const record of some) {
  same<typeof record.kind, "connected" | "disconnected">(true);
  if (record.kind === "disconnected") same<typeof record.mayRecover, boolean>(true);
}
const all = await emulator.journal();
same<(typeof all)[number]["kind"], JournalKind>(true);
const next: number = all.next + all.missed;

const rule: FaultRule = { at: "delivery", fault: "drop", every: 50, times: "forever" };
await emulator.pubsub.arm({ seed: 7, rules: [rule, { at: "ack", fault: "delayAck", milliseconds: 20 }] });
const { now } = await emulator.clock.advance(31_000);
const listener: string = await emulator.relay.waitForListener("hc1", { signal: AbortSignal.timeout(10) });
await emulator.pubsub.addEventHandler({ hub: "chat", url: "http://localhost/", systemEvents: ["connect"] });
const teardown: () => Promise<void> = await setup({ provide: (name: "azwireEmulator", ready: ReadyLine) => {} });

try {
  await emulator.stop();
} catch (error) {
  if (error instanceof EmulatorError) same<typeof error.code, EmulatorErrorCode>(true);
}

// @ts-expect-error: an unknown kind
await emulator.journal({ kind: "requests" });
// @ts-expect-error: a member of another kind
sent?.mayRecover;
// @ts-expect-error: a flag is not an option
await startEmulator({ port: 8080 });
// @ts-expect-error: a fault that cannot strike there
const wrong: FaultRule = { at: "ack", fault: "drop" };
// @ts-expect-error: only its own process stops it
await shared.stop();
// @ts-expect-error: it is started, not constructed
new Emulator();

export { listener, next, now, teardown, text, wrong };
