// The official credentials of JavaScript, @azure/identity, unmodified, with the environment
// variables of our emulator.
//
//     azwire-emulator --config tests/conformance/identity.toml | { read -r ready; echo "$ready" | node tests/conformance/identity.js; }
//
// Each signs in at the emulator, sends by the official service client over TLS, and a client
// sees it; and hyco-https listens with a token of theirs. NODE_EXTRA_CA_CERTS names the
// emulator's authority. Needs @azure/identity, @azure/web-pubsub, hyco-https and ws. Prints a
// line for each check and ends with `N passed, N failed`.

const { readFileSync } = require("node:fs");
const https = require("node:https");
const {
  ClientSecretCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} = require("@azure/identity");
const { WebPubSubServiceClient } = require("@azure/web-pubsub");
const hyco = require("hyco-https");
const { Report, Socket, run } = require("./pubsub_support.js");

const READER = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const SCOPE = "https://webpubsub.azure.com/.default";
const TEXT = { contentType: "text/plain" };

/** Makes these the only variables that credentials read. */
function use(variables) {
  for (const name of Object.keys(process.env)) {
    if (/^(AZURE|IDENTITY|MSI|IMDS)_/.test(name)) delete process.env[name];
  }
  Object.assign(process.env, variables);
}

async function main() {
  const ready = JSON.parse(readFileSync(0, "utf8"));
  const report = new Report("@azure/identity");
  const environments = ready.identity.environments;
  const service = (credential) => new WebPubSubServiceClient(ready.pubsub.secureEndpoint, credential, "identity");

  const send = async (credential) => {
    const own = service(credential);
    const { url } = await own.getClientAccessToken();
    const socket = await Socket.open(url);
    await own.sendToAll("hello", TEXT);
    const frame = await socket.nextFrame();
    socket.socket.close();
    return frame;
  };
  const clientSecret = (secret) =>
    new ClientSecretCredential(process.env.AZURE_TENANT_ID, process.env.AZURE_CLIENT_ID, secret, { disableInstanceDiscovery: true });

  for (const [name, way, make] of [
    ["ManagedIdentityCredential", "managed-identity", () => new ManagedIdentityCredential()],
    ["DefaultAzureCredential, by managed identity", "managed-identity", () => new DefaultAzureCredential()],
    ["DefaultAzureCredential, by client secret", "client-secret", () => new DefaultAzureCredential()],
    ["DefaultAzureCredential, by workload identity", "workload-identity", () => new DefaultAzureCredential()],
    ["EnvironmentCredential", "client-secret", () => new EnvironmentCredential()],
    ["ClientSecretCredential", "client-secret", () => clientSecret(process.env.AZURE_CLIENT_SECRET)],
    ["WorkloadIdentityCredential", "workload-identity", () => new WorkloadIdentityCredential()],
  ]) {
    use(environments[way]);
    const received = await send(make()).catch((error) => `${error}`);
    report.check(`${name}: a client connects and gets what is sent`, received, "hello");
  }

  use(environments["managed-identity"]);
  const status = (promise) => promise.then((value) => value, (error) => error.statusCode ?? `${error}`);
  const reader = service(new ManagedIdentityCredential({ clientId: READER }));
  report.check("a Reader that sends is 403", await status(reader.sendToAll("x", TEXT)), 403);
  report.check("a Reader may ask whether a group exists", await status(reader.groupExists("g")), false);

  const failure = (credential) => credential.getToken(SCOPE).then(() => "a token", (error) => `${error}`);
  const unknown = await failure(new ManagedIdentityCredential({ clientId: "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb" }));
  report.check("an unknown managed identity is named so", unknown.includes("No User Assigned") || unknown, true);
  use(environments["client-secret"]);
  const wrong = await failure(clientSecret("wrong"));
  report.check("a wrong secret is named so", wrong.includes("AADSTS7000215") || wrong, true);

  // hyco-https takes a token as text.
  use(environments["managed-identity"]);
  const { token } = await new ManagedIdentityCredential().getToken("https://relay.azure.net//.default");
  const [, host, port] = /^sb:\/\/([^:]+):(\d+)\//.exec(ready.relay.endpoint);
  const path = ready.relay.hybridConnections[0];
  const uri = hyco.createRelayListenUri(host, path).replace(`${host}:443`, `${host}:${port}`);
  const server = hyco.createRelayedServer({ server: uri, token }, (request, response) => response.end("relayed"));
  await new Promise((resolve, reject) => {
    server.on("listening", resolve);
    server.on("error", reject);
    server.listen();
  });
  const answer = await new Promise((resolve, reject) => {
    const request = https.request({ host, port, path: `/${path}`, headers: { ServiceBusAuthorization: token } }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
    });
    request.on("error", reject);
    request.end();
  });
  report.check("hyco-https listens, and a sender is relayed, with a token of ManagedIdentityCredential", answer, "relayed");
  report.end();
}

run(main);
