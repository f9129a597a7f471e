// How the playground talks to this server.
const { parse } = GraphiQL.GraphQL;

// The origin makes it an address without the password that the page's own may have.
const endpoint = `${location.origin}/graphql`;

export const bearer = (token) => (token ? { authorization: `Bearer ${token}` } : {});
export const refused = (answer) => Boolean(answer.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED"));

// send posts one operation and gives the answer's JSON, whatever its status: GraphQL's errors are answers too. Header
// names are in lower case, as those of the headers editor become, so that these replace ours.
export async function send(params, headers) {
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

// operationsOf lists the operations of a query, none of one that does not parse.
export function operationsOf(query) {
  try {
    return parse(query).definitions.filter(({ kind }) => kind === "OperationDefinition");
  } catch {
    return [];
  }
}

// rootFields pairs the operation's fields with their values, as an alias hides a field's name. Fragments are left out.
export function rootFields({ query, operationName }, { data }) {
  if (!data) return [];
  const operations = operationsOf(query);
  const operation = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return operation.selectionSet.selections.filter(({ kind }) => kind === "Field")
    .map(({ name, alias }) => ({ name: name.value, value: data[(alias ?? name).value] }));
}
