// The panel below the answer: what the server did for it, as extensions.trace tells in development.
import { layOut } from "./sql.js";

const { createElement, useEffect, useState, useSyncExternalStore } = React;
const { useEditorContext } = GraphiQL.React;

const inAnswerKey = "dossier:trace-in-answer";
const openKey = "dossier:trace-open";

// The trace of the answer that each tab shows, by the tab's id. It is not stored, as GraphiQL stores no answers.
const traces = new Map();
const listeners = new Set();
let activeTab;
let newest = 0;

// traced asks for the trace of a request. The function it gives takes the answer's trace for the panel, and leaves it in
// the answer only for who wants to see it there.
export function traced(params) {
  const number = ++newest;
  const take = (answer) => {
    const { trace, ...others } = answer.extensions ?? {};
    if (number === newest) { // GraphiQL, too, shows the answer to the newest request alone, in the tab that is open
      traces.set(activeTab, trace);
      listeners.forEach((changed) => changed());
    }
    if (!trace || localStorage.getItem(inAnswerKey)) return answer;
    const { extensions, ...rest } = answer;
    return Object.keys(others).length ? { ...rest, extensions: others } : rest;
  };
  return [{ ...params, extensions: { ...params.extensions, trace: true } }, take];
}

function subscribe(changed) {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

// useFlag is a choice that is kept.
function useFlag(key, initial) {
  const [on, setOn] = useState(() => (localStorage.getItem(key) ?? initial) !== "");
  return [on, (value) => {
    localStorage.setItem(key, value ? "yes" : "");
    setOn(value);
  }];
}

const ms = (value) => `${value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: value < 1 ? 2 : 1 })} ms`;
const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// stepsOf puts what was sent in order: a batch with the statements that it sent, or one statement by itself.
function stepsOf({ statements, batches }) {
  const numbered = statements.map((statement, i) => ({ ...statement, number: i + 1 }));
  const alone = numbered.filter(({ batch }) => batch === null).map((statement) => ({ ...statement, sent: [statement] }));
  const batched = batches.map((batch, i) => ({ ...batch, isBatch: true, sent: numbered.filter((one) => one.batch === i) }));
  return [...alone, ...batched].sort((a, b) => a.startMs - b.startMs);
}

function detailOf(step) {
  if (step.failed) return "failed";
  if (!step.isBatch) return step.rows === null ? "" : count(step.rows, "row");
  return `${count(step.parents, "row")} → ${count(step.keys, "key")} → ${count(step.sent.length, "statement")}`;
}

function Statement({ number, sql }) {
  const pieces = layOut(sql).map((piece, i) => (piece.keyword ? createElement("b", { key: i }, piece.text) : piece.text));
  return createElement("details", { className: "trace-statement" },
    createElement("summary", null, createElement("span", null, number), createElement("code", null, sql)),
    createElement("pre", { tabIndex: 0, "aria-label": `Statement ${number}` }, pieces));
}

function Step({ step, wholeMs }) {
  const percent = (value) => `${Math.min(100, (100 * value) / wholeMs)}%`;
  const bar = { left: percent(step.startMs), width: percent(step.durationMs) };
  return createElement("li", { className: step.isBatch ? "trace-batch" : "" },
    createElement("div", { className: "trace-step" },
      createElement("strong", { title: step.field }, step.field),
      createElement("span", { className: "trace-detail" }, detailOf(step)),
      createElement("span", { className: "trace-track", "aria-hidden": true }, createElement("i", { style: bar })),
      createElement("span", { className: "trace-ms", title: `It began after ${ms(step.startMs)}` }, ms(step.durationMs))),
    step.sent.map((statement) => createElement(Statement, { key: statement.number, ...statement })));
}

function Panel({ trace }) {
  const [open, setOpen] = useFlag(openKey, "yes");
  const [inAnswer, setInAnswer] = useFlag(inAnswerKey, "");
  const figures = {
    Duration: ms(trace.durationMs),
    Cost: `${trace.cost.toLocaleString("en")} of ${trace.costMax.toLocaleString("en")}`,
    Statements: trace.statements.length,
    Batches: trace.batches.length,
  };
  return createElement("section", { className: "trace", "aria-label": "What the answer took" },
    createElement("div", { className: "trace-head" },
      createElement("button", { type: "button", "aria-expanded": open, onClick: () => setOpen(!open) }, "Trace"),
      createElement("label", { title: "Leave extensions.trace in the answers to come" },
        createElement("input", { type: "checkbox", checked: inAnswer, onChange: (event) => setInAnswer(event.target.checked) }),
        " also in the answer"),
      createElement("dl", null, Object.entries(figures).map(([name, value]) => createElement("div", { key: name },
        createElement("dt", null, name), createElement("dd", null, value))))),
    open && createElement("ol", null,
      stepsOf(trace).map((step, i) => createElement(Step, { key: i, step, wholeMs: trace.durationMs }))),
    open && trace.omitted > 0 && createElement("p", null, `${count(trace.omitted, "more is", "more are")} left out.`));
}

// TracePanel shows the trace of the answer in the open tab, and nothing where the server tells none.
export function TracePanel() {
  const { tabs, activeTabIndex } = useEditorContext({ nonNull: true });
  const id = tabs[activeTabIndex]?.id;
  const trace = useSyncExternalStore(subscribe, () => traces.get(id));
  useEffect(() => {
    activeTab = id;
  }, [id]);
  return trace ? createElement(Panel, { trace }) : null;
}
