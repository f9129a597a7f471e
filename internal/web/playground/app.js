// The playground: GraphiQL that talks to this server, and keeps the token of the last sign-in. There is no build step.
const { createElement } = React;
const { parse } = GraphiQL.GraphQL;

const endpoint = "/graphql";
const tokenKey = "dossier:token";
const element = (id) => document.getElementById(id);

// sessionStorage: the token ends with the browser's tab, and other tabs can be someone else.
const currentToken = () => sessionStorage.getItem(tokenKey);
const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
const refused = (answer) => Boolean(answer.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED"));

// send posts one operation and gives the answer's JSON, whatever its status: GraphQL's errors are answers too. Header
// names are in lower case, as those of the headers editor become, so that these replace ours.
async function send(params, headers) {
  const request = new Request(endpoint, {
    method: "POST",
    headers: { accept: "application/graphql-response+json", "content-type": "application/json", ...headers },
    body: JSON.stringify(params),
  });
  let response, text;
  try {
    response = await fetch(request);
    text = await response.text();
  } catch {
    throw new Error(`The server at ${location.origin} does not answer. Is it running?`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${endpoint} answered ${response.status} without JSON: ${text.slice(0, 200)}`);
  }
}

// fetcher is what GraphiQL calls, for its introspection too. The headers editor's Authorization wins over our token.
async function fetcher(params, options = {}) {
  let answer, token;
  try {
    const headers = new Headers(options.headers ?? {});
    token = headers.has("Authorization") ? null : currentToken();
    answer = await send(params, { ...bearer(token), ...Object.fromEntries(headers) });
  } catch (error) {
    answer = { errors: [{ message: error.message }] }; // of what is thrown GraphiQL would show the stack, too
  }
  if (params.operationName === "IntrospectionQuery") {
    showProblem(answer.data?.__schema ? "" : answer.errors?.[0]?.message ?? "It was not answered.");
  }
  followSession(params, answer, token);
  return answer;
}

// followSession keeps the token that a signIn answered, and drops the one that was sent once it has ended.
function followSession(params, answer, sent) {
  for (const { name, value } of rootFields(params, answer)) {
    if (name === "signIn" && value?.token) remember(value.token);
    if (name === "signOut" && value?.signedOut && sent === currentToken()) forget();
  }
  if (sent && sent === currentToken() && refused(answer)) forget("The session has ended: sign in again.");
}

// rootFields pairs the operation's fields with their values, as an alias hides a field's name. Fragments are left out.
function rootFields({ query, operationName }, { data }) {
  if (!data) return [];
  const operations = parse(query).definitions.filter(({ kind }) => kind === "OperationDefinition");
  const operation = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return operation.selectionSet.selections.filter(({ kind }) => kind === "Field")
    .map(({ name, alias }) => ({ name: name.value, value: data[(alias ?? name).value] }));
}

function remember(token) {
  sessionStorage.setItem(tokenKey, token);
  showUser();
}

function forget(why = "Not signed in: run the SignIn tab.") {
  sessionStorage.removeItem(tokenKey);
  element("session").textContent = why;
  element("sign-out").hidden = true;
}

// showUser asks the server whose token we have: the signIn may have selected no user, and sessions end.
async function showUser() {
  const token = currentToken();
  if (!token) return forget();
  let who = "";
  try {
    const answer = await send({ query: "query WhoAmI { me { name role company { name } } }" }, bearer(token));
    if (token !== currentToken()) return;
    if (refused(answer)) return forget("The session has ended: sign in again.");
    const me = answer.data?.me;
    if (me) who = ` as ${me.name}, ${me.role}${me.company ? ` of ${me.company.name}` : ""}`;
  } catch {
    // The server is away for now. The token may still be good.
  }
  element("session").textContent = `Signed in${who}`;
  element("sign-out").hidden = false;
}

async function signOut() {
  try {
    await send({ query: "mutation SignOut { signOut { signedOut } }" }, bearer(currentToken()));
    forget();
  } catch {
    forget("The token is forgotten here, but the server does not answer and keeps the session.");
  }
}

function showProblem(message) {
  element("problem").hidden = !message;
  element("problem").querySelector("p").textContent = message &&
    `The schema could not be read, so there is no documentation, completion or explorer. ${message}`;
}

const root = ReactDOM.createRoot(element("graphiql"));
const plugins = [GraphiQLPluginExplorer.explorerPlugin()];
const defaultTabs = JSON.parse(element("examples").textContent).map((query) => ({ query }));
let mounts = 0;

// mount shows GraphiQL anew: it reads the schema, and its tabs from localStorage, or else the examples.
function mount() {
  root.render(createElement(GraphiQL, { key: ++mounts, fetcher, plugins, defaultTabs, shouldPersistHeaders: false }));
}

function restoreExamples() {
  if (!confirm("Replace all tabs by the examples?")) return;
  for (const key of ["tabState", "query", "variables", "headers"]) localStorage.removeItem(`graphiql:${key}`);
  mount();
}

element("sign-out").addEventListener("click", signOut);
element("restore").addEventListener("click", restoreExamples);
element("retry").addEventListener("click", () => {
  showUser();
  mount();
});
await showUser();
mount();
