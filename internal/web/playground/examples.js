// The examples: a pane of GraphiQL that lists them by what one wants to do, and opens one in a tab.
const { createElement } = React;
const { useEditorContext } = GraphiQL.React;
const { parse } = GraphiQL.GraphQL;

// operationOf is the name of an example's operation, which becomes the title of its tab.
const operationOf = (query) => parse(query).definitions[0].name.value;

// aboutOf is the first sentence of the comment before an example.
const aboutOf = (query) => query.slice(0, query.search(/^[^#]/m)).replace(/^# ?/gm, "").replace(/\s+/g, " ").split(/(?<=\.) /)[0];

export const examplesTitle = "Examples";

// open shows the example's tab, a new one unless there is one with its name: that may hold changes.
function open(editors, query) {
  const operationName = operationOf(query);
  const index = editors.tabs.findIndex(({ title }) => title === operationName);
  if (index < 0) {
    ReactDOM.flushSync(() => editors.addTab());
    editors.queryEditor.setValue(query);
    editors.updateActiveTabValues({ query, operationName });
  } else if (index !== editors.activeTabIndex) {
    editors.changeTab(index);
  }
  if (matchMedia("(max-width: 760px)").matches) { // there the pane covers the editors
    document.querySelector(`.graphiql-sidebar [aria-label="Hide ${examplesTitle}"]`)?.click();
  }
}

function Examples({ groups }) {
  const editors = useEditorContext({ nonNull: true });
  const shown = editors.tabs[editors.activeTabIndex]?.title;
  const item = ({ title, query }) => {
    const current = shown === operationOf(query);
    return createElement("li", { key: title },
      createElement("button", { type: "button", "aria-current": current, onClick: () => open(editors, query) },
        createElement("strong", null, title), createElement("span", null, aboutOf(query))));
  };
  return createElement("section", { className: "examples", "aria-label": "Examples" },
    createElement("h2", null, examplesTitle),
    groups.map(({ title, examples }) => [
      createElement("h3", { key: `${title}:` }, title),
      createElement("ul", { key: title }, examples.map(item)),
    ]));
}

const icon = () => createElement("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", strokeWidth: 1.5 },
  createElement("path", { d: "M4 5h16M4 12h10M4 19h16" }), createElement("path", { d: "M18 9l3 3-3 3", strokeLinejoin: "round" }));

// examplesPlugin makes the pane.
export const examplesPlugin = (groups) => ({ title: examplesTitle, icon, content: () => createElement(Examples, { groups }) });
