// The playground: GraphiQL that talks to this server. There is no build step.
import { bearer, operationsOf, send } from "./api.js";
import { examplesPlugin, examplesTitle } from "./examples.js";
import { currentToken, followSession, showUser, startSession } from "./session.js";
import { TracePanel, traced } from "./trace.js";

const { createElement, useEffect } = React;
const { useEditorContext, usePluginStore } = GraphiQL.React;
const element = (id) => document.getElementById(id);
const { demoUsers, groups } = JSON.parse(element("settings").textContent);

const isIntrospection = ({ operationName }) => operationName === "IntrospectionQuery";

// fetcher is what GraphiQL calls, for its introspection too. The headers editor's Authorization wins over our token.
async function fetcher({ operationName, ...params }, options = {}) {
  // GraphiQL needs a moment to notice that its editor holds another query: what is not in this one was the last one's.
  if (operationsOf(params.query).some(({ name }) => name?.value === operationName)) params.operationName = operationName;
  const [asked, take] = isIntrospection(params) ? [params, (answer) => answer] : traced(params);
  let answer, token;
  try {
    const headers = new Headers(options.headers ?? {});
    token = headers.has("Authorization") ? null : currentToken();
    answer = await send(asked, { ...bearer(token), ...Object.fromEntries(headers) });
    if (isIntrospection(params) && token && !answer.data) {
      answer = await send(asked, Object.fromEntries(headers)); // by the API key that the browser was given for the page
    }
  } catch (error) {
    answer = { errors: [{ message: error.message }] }; // of what is thrown GraphiQL would show the stack, too
  }
  if (isIntrospection(params)) {
    showProblem(answer.data?.__schema ? "" : answer.errors?.[0]?.message ?? "It was not answered.");
  }
  followSession(params, answer, token);
  return take(answer);
}

function showProblem(message) {
  element("problem").hidden = !message;
  element("problem").querySelector("p").textContent = message &&
    `The schema could not be read, so there is no documentation, completion or explorer. ${message}`;
}

const root = ReactDOM.createRoot(element("graphiql"));
const plugins = [examplesPlugin(groups), GraphiQLPluginExplorer.explorerPlugin()];
const defaultTabs = groups[0].examples.map(({ query }) => ({ query }));
let mounts = 0;

// The pane at the left is kept; at first it is the examples, where there is room for them beside the editors.
const paneKey = "dossier:pane";
const keepPane = (plugin) => localStorage.setItem(paneKey, plugin?.title ?? "");
const keptPane = () => localStorage.getItem(paneKey) ?? (matchMedia("(min-width: 1100px)").matches ? examplesTitle : "");

// Footer is below the answer. It opens the pane by GraphiQL's own button, once there is one: GraphiQL's property for it
// leaves the pane without width.
function Footer() {
  const { plugins } = usePluginStore();
  useEffect(() => {
    document.querySelector(`.graphiql-sidebar [aria-label="Show ${keptPane()}"]`)?.click();
  }, [plugins.length > 0]);
  const { activeTabIndex, queryEditor, tabs } = useEditorContext({ nonNull: true });
  useEffect(() => {
    queryEditor?.setOption("lineWrapping", true); // the comments of examples are longer than a small editor is wide
  }, [queryEditor]);
  useEffect(() => { // of many tabs, the open one is seen
    document.querySelector(".graphiql-tab-active")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [activeTabIndex, tabs.length]);
  return createElement(TracePanel);
}

// mount shows GraphiQL anew: it reads the schema, and its tabs from localStorage, or else the first examples.
function mount() {
  root.render(createElement(GraphiQL, {
    key: ++mounts, fetcher, plugins, defaultTabs, shouldPersistHeaders: false, onTogglePluginVisibility: keepPane,
  }, createElement(GraphiQL.Footer, null, createElement(Footer))));
}

function restoreExamples() {
  if (!confirm("Replace all tabs by the first examples?")) return;
  for (const key of ["tabState", "query", "variables", "headers"]) localStorage.removeItem(`graphiql:${key}`);
  mount();
}

element("restore").addEventListener("click", restoreExamples);
element("retry").addEventListener("click", () => {
  showUser();
  mount();
});
await startSession(demoUsers);
mount();
