// A page of a frontend: it uploads a file in the three ways there are, and downloads it.
import { ApolloClient, CombinedGraphQLErrors, InMemoryCache, gql } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import UploadHttpLink from "apollo-upload-client/UploadHttpLink.mjs";
import * as tus from "tus-js-client";

const api = new URLSearchParams(location.search).get("api");
let token = "";

// fetch tells nothing of how far a request has come, XMLHttpRequest does. The context of an operation may have fetchOptions.onProgress.
function fetchWithProgress(url, { onProgress, ...options }) {
  if (!onProgress) return fetch(url, options);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(options.method, url);
    for (const [name, value] of Object.entries(options.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () =>
      resolve(new Response(request.response, { status: request.status, headers: { "content-type": request.getResponseHeader("content-type") } }));
    request.onerror = () => reject(new TypeError("The server could not be reached."));
    options.signal?.addEventListener("abort", () => request.abort());
    request.send(options.body);
  });
}

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: new SetContextLink(({ headers }) => ({ headers: token ? { ...headers, authorization: `Bearer ${token}` } : headers })).concat(
    new UploadHttpLink({ uri: `${api}/graphql`, fetch: fetchWithProgress }),
  ),
});

async function mutate(mutation, input, onProgress) {
  const { data } = await client.mutate({ mutation, variables: { input }, context: { fetchOptions: { onProgress } } });
  const [payload] = Object.values(data);
  if (payload.userErrors.length) throw new Error(payload.userErrors.map((one) => one.message).join(" "));
  return payload;
}

const signInMutation = gql`mutation SignIn($input: SignInInput!) { signIn(input: $input) { token userErrors { message } } }`;
const uploadMutation = gql`mutation Upload($input: UploadDocumentInput!) {
  uploadDocument(input: $input) { document { id downloadUrl sha256 } userErrors { message } }
}`;
const createMutation = gql`mutation Create($input: CreateUploadInput!) {
  createUpload(input: $input) { upload { id url method headers { name value } resumableUrl } userErrors { message } }
}`;
const completeMutation = gql`mutation Complete($input: CompleteUploadInput!) {
  completeUpload(input: $input) { document { id downloadUrl sha256 } userErrors { message } }
}`;

async function signIn(email, password) {
  ({ token } = await mutate(signInMutation, { email, password }));
}

async function withRequest(file, onProgress) {
  return (await mutate(uploadMutation, { file }, onProgress)).document;
}

async function toLink(file, onProgress) {
  const { upload } = await mutate(createMutation, { sizeBytes: file.size, sha256: await hash(file) });
  const headers = Object.fromEntries(upload.headers.map(({ name, value }) => [name, value]));
  const answer = await fetch(upload.url, { method: upload.method, headers, body: file });
  if (!answer.ok) throw new Error((await answer.json()).errors[0].message);
  onProgress(1);
  return (await mutate(completeMutation, { uploadId: upload.id, name: file.name })).document;
}

// inParts stops after the first part, and goes on as a page does that was opened anew.
async function inParts(file, onProgress) {
  const { upload } = await mutate(createMutation, { sizeBytes: file.size, sha256: await hash(file) });
  const send = (stopAfter) =>
    new Promise((resolve, reject) => {
      const sending = new tus.Upload(file, {
        uploadUrl: upload.resumableUrl,
        chunkSize: 100_000,
        retryDelays: [0, 500],
        storeFingerprintForResuming: false,
        onProgress: (sent, total) => onProgress(sent / total),
        onChunkComplete: (_size, accepted) => accepted >= stopAfter && accepted < file.size && resolve(sending.abort()),
        onError: reject,
        onSuccess: resolve,
      });
      sending.start();
    });
  await send(100_000);
  const told = await fetch(upload.resumableUrl, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } });
  if (told.headers.get("Upload-Offset") !== "100000") throw new Error(`It has come as far as ${told.headers.get("Upload-Offset")}.`);
  await send(Infinity);
  return (await mutate(completeMutation, { uploadId: upload.id, name: file.name })).document;
}

async function hash(blob) {
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// roundTrip uploads random bytes, downloads them, and gives what it saw.
async function roundTrip(way, size, name = "Büro plan.pdf") {
  const failure = document.querySelector("#failure");
  const progress = document.querySelector("progress");
  const seen = [];
  failure.textContent = "";
  progress.value = 0;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 65536) crypto.getRandomValues(bytes.subarray(i, i + 65536));
  bytes.set(new TextEncoder().encode("%PDF-1.7\n"));
  const file = new File([bytes], name, { type: "application/pdf" });
  try {
    const made = await { withRequest, toLink, inParts }[way](file, (part) => seen.push((progress.value = part)));
    const answer = await fetch(made.downloadUrl);
    const got = await answer.blob();
    return {
      same: (await hash(got)) === (await hash(file)) && made.sha256 === (await hash(file)),
      size: got.size,
      type: answer.headers.get("Content-Type"),
      disposition: answer.headers.get("Content-Disposition"),
      progress: seen,
    };
  } catch (error) {
    failure.textContent = CombinedGraphQLErrors.is(error) ? error.errors.map((one) => one.message).join(" ") : error.message;
    return { failed: true };
  }
}

window.page = { signIn, roundTrip };
