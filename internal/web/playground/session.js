// Who one is: the token of the last sign-in, the bar that tells whose it is, and the ways to get another.
import { bearer, refused, rootFields, send } from "./api.js";

const tokenKey = "dossier:token";
const element = (id) => document.getElementById(id);

const signedOut = "Not signed in.";
const ended = "The session has ended: sign in again.";

// sessionStorage: the token ends with the browser's tab, and other tabs can be someone else.
export const currentToken = () => sessionStorage.getItem(tokenKey);

// followSession keeps the token that a signIn answered, and drops the one that was sent once it has ended.
export function followSession(params, answer, sent) {
  for (const { name, value } of rootFields(params, answer)) {
    if (name === "signIn" && value?.token) remember(value.token);
    if (name === "signOut" && value?.signedOut && sent === currentToken()) forget();
  }
  if (sent && sent === currentToken() && refused(answer)) forget(ended);
}

function remember(token) {
  sessionStorage.setItem(tokenKey, token);
  return showUser();
}

function forget(why = signedOut) {
  sessionStorage.removeItem(tokenKey);
  show(why, null);
}

// show fills the bar. Without a token there is no one to sign out.
function show(text, me) {
  element("session").textContent = text;
  element("session").classList.toggle("alert", text === ended);
  element("sign-out").hidden = !currentToken();
  for (const button of element("demo").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.email === me?.email));
  }
}

const whoAmI = { query: "query WhoAmI { me { name email role company { name } } }" };

// showUser asks the server whose token we have: the signIn may have selected no user, and sessions end.
export async function showUser() {
  const token = currentToken();
  if (!token) return show(signedOut, null);
  let me;
  try {
    const answer = await send(whoAmI, bearer(token));
    if (token !== currentToken()) return;
    if (refused(answer)) return forget(ended);
    me = answer.data?.me;
  } catch {
    // The server is away for now. The token may still be good.
  }
  const who = me ? ` as ${me.name}, ${me.role}${me.company ? ` of ${me.company.name}` : ""}` : "";
  show(`Signed in${who}`, me);
}

const signInMutation = `mutation SignIn($input: SignInInput!) { signIn(input: $input) { token userErrors { message } } }`;

// signIn throws what is wrong, in words for people.
async function signIn(email, password) {
  const { data, errors } = await send({ query: signInMutation, variables: { input: { email, password } } });
  const problem = errors?.[0]?.message ?? data.signIn.userErrors[0]?.message;
  if (problem) throw new Error(problem);
  await remember(data.signIn.token);
}

// adopt uses a token that someone has from elsewhere, if the server knows it.
async function adopt(token) {
  const answer = await send(whoAmI, bearer(token));
  if (refused(answer)) throw new Error(answer.errors[0].message);
  await remember(token);
}

async function signOut() {
  try {
    await send({ query: "mutation SignOut { signOut { signedOut } }" }, bearer(currentToken()));
    forget();
  } catch {
    forget("The token is forgotten here, but the server does not answer and keeps the session.");
  }
}

// onSubmit runs what a form of the dialog is for, shows what is wrong beside it, and closes the dialog when nothing is.
function onSubmit(id, run) {
  const form = element(id);
  const [button, failure] = [form.querySelector("button"), form.querySelector(".failure")];
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const empty = [...form.elements].find((field) => field.required && !values[field.name].trim());
    failure.textContent = empty ? `${empty.labels[0].textContent.trim()} is missing.` : "";
    if (empty) return empty.focus();
    button.disabled = true;
    try {
      await run(values);
      form.reset();
      element("credentials").close();
    } catch (error) {
      failure.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}

// demoButton signs in as a demo user, whose password everyone knows.
function demoButton({ role, email, password }) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: role, title: email });
  button.dataset.email = email;
  button.addEventListener("click", () => signIn(email, password).catch((error) => show(error.message, null)));
  return button;
}

// startSession wires the bar, and shows who one is.
export function startSession(demoUsers) {
  element("demo").append(...demoUsers.map(demoButton));
  element("demo").hidden = demoUsers.length === 0;
  onSubmit("password-form", ({ email, password }) => signIn(email.trim(), password));
  onSubmit("token-form", ({ token }) => adopt(token.trim()));
  element("sign-in").addEventListener("click", () => element("credentials").showModal());
  element("close-credentials").addEventListener("click", () => element("credentials").close());
  element("sign-out").addEventListener("click", signOut);
  return showUser();
}
