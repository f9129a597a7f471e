import assert from "node:assert/strict"
import { createHash, randomUUID } from "node:crypto"
import { test } from "node:test"
import type { Adapter, AdapterAccount } from "@auth/core/adapters"
import { DossierAdapter, DossierError } from "../src/index.js"
import { adapter, ask, inDossier, minutesFromNow, newEmail, url } from "./server.js"

// Every method of the published Adapter interface, as Auth.js calls it, on a running server.

const newUser = (fields = {}) =>
  adapter.createUser({ id: randomUUID(), name: "Fill Murray", email: newEmail(), emailVerified: null, image: null, ...fields })

const hashed = (token: string) => createHash("sha256").update(`${token}secret`).digest("hex")

function accountOf(userId: string): AdapterAccount {
  return {
    userId, type: "oauth", provider: "github", providerAccountId: randomUUID(), access_token: randomUUID(),
    refresh_token: randomUUID(), id_token: randomUUID(), expires_at: 2592000, token_type: "bearer", scope: "user",
    session_state: randomUUID(),
  }
}

/** Auth.js links the account before it keeps its passkey. */
async function linkedPasskeyOf(userId: string) {
  const passkey = passkeyOf(userId)
  await adapter.linkAccount({ userId, type: "webauthn", provider: "passkey", providerAccountId: passkey.providerAccountId })
  return passkey
}

function passkeyOf(userId: string) {
  return {
    userId, credentialID: randomUUID(), providerAccountId: randomUUID(), credentialPublicKey: randomUUID(), counter: 0,
    credentialDeviceType: "singleDevice", credentialBackedUp: false, transports: "usb,nfc",
  }
}

const failsWith = (code: string) => (error: unknown) => error instanceof DossierError && error.code === code

test("every method is there", () => {
  const methods: Record<keyof Adapter, true> = {
    createUser: true, getUser: true, getUserByEmail: true, getUserByAccount: true, updateUser: true, deleteUser: true,
    linkAccount: true, unlinkAccount: true, getAccount: true, createSession: true, getSessionAndUser: true, updateSession: true,
    deleteSession: true, createVerificationToken: true, useVerificationToken: true, getAuthenticator: true,
    createAuthenticator: true, listAuthenticatorsByUserId: true, updateAuthenticatorCounter: true,
  }
  assert.deepEqual(Object.keys(adapter).sort(), Object.keys(methods).sort())
})

test("createUser", async () => {
  const wanted = { id: randomUUID(), name: "Fill Murray", email: newEmail(), emailVerified: new Date(), image: "https://x.example/460/300" }
  const made = await adapter.createUser(wanted)
  assert.deepEqual(made, { ...wanted, id: made.id })
  assert.equal((await inDossier(made.id)).role, "MEMBER")
  await assert.rejects(async () => adapter.createUser(wanted), failsWith("CONFLICT"))
})

test("createUser, of what providers give", async () => {
  const byMail = await adapter.createUser({ id: randomUUID(), email: newEmail(), emailVerified: null })
  assert.equal(byMail.name, byMail.email.split("@")[0])
  const picture = await newUser({ name: "é".repeat(300), image: "data:image/jpeg;base64,AAAA" })
  assert.deepEqual([picture.name, picture.image], ["é".repeat(200), null])
})

test("getUser", async () => {
  const user = await newUser()
  assert.deepEqual(await adapter.getUser(user.id), user)
  assert.equal(await adapter.getUser(randomUUID()), null)
  assert.equal(await adapter.getUser("user_01m825kv27e2y8wthfzy1ffvx8"), null)
})

test("getUserByEmail", async () => {
  const user = await newUser()
  assert.deepEqual(await adapter.getUserByEmail(user.email), user)
  assert.deepEqual(await adapter.getUserByEmail(user.email.toUpperCase()), user)
  assert.equal(await adapter.getUserByEmail("non-existent-email"), null)
})

test("updateUser", async () => {
  const user = await newUser({ image: "https://x.example/1" })
  const emailVerified = new Date()
  assert.deepEqual(await adapter.updateUser({ id: user.id, emailVerified }), { ...user, emailVerified })
  assert.deepEqual(await adapter.updateUser({ id: user.id, name: "Updated Name" }), { ...user, emailVerified, name: "Updated Name" })
  const email = newEmail()
  const changed = { id: user.id, name: "Updated Name", email, emailVerified: null, image: null }
  assert.deepEqual(await adapter.updateUser({ id: user.id, email, image: null }), changed)
  assert.deepEqual(await adapter.getUser(user.id), changed)
  await assert.rejects(async () => adapter.updateUser({ id: "user_01m825kv27e2y8wthfzy1ffvx8", name: "X" }), failsWith("NOT_FOUND"))
})

test("linkAccount, getUserByAccount, getAccount and unlinkAccount", async () => {
  const user = await newUser()
  const account = accountOf(user.id)
  const { provider, providerAccountId, type, scope, expires_at } = account
  assert.equal(await adapter.getUserByAccount({ provider, providerAccountId }), null)
  assert.equal(await adapter.getAccount(providerAccountId, provider), null)
  await adapter.linkAccount(account)
  assert.deepEqual((await inDossier(user.id)).accounts.nodes,
    [{ type, provider, providerAccountId, scope, expiresAt: "1970-01-31T00:00:00Z" }])
  assert.deepEqual(await adapter.getUserByAccount({ provider, providerAccountId }), user)
  assert.equal(await adapter.getUserByAccount({ provider: "gitlab", providerAccountId }), null)
  // The provider's tokens do not come back.
  const shown = { userId: user.id, type, provider, providerAccountId, scope, expires_at }
  assert.deepEqual(await adapter.getAccount(providerAccountId, provider), shown)
  await assert.rejects(async () => adapter.linkAccount(account), failsWith("CONFLICT"))
  assert.deepEqual(await adapter.unlinkAccount({ provider, providerAccountId }), shown)
  assert.equal(await adapter.unlinkAccount({ provider, providerAccountId }), undefined)
  assert.equal(await adapter.getUserByAccount({ provider, providerAccountId }), null)
  assert.deepEqual((await inDossier(user.id)).accounts.nodes, [])
})

test("createSession and getSessionAndUser", async () => {
  const user = await newUser()
  const session = { sessionToken: randomUUID(), userId: user.id, expires: minutesFromNow(60) }
  assert.equal(await adapter.getSessionAndUser("invalid-token"), null)
  assert.deepEqual(await adapter.createSession(session), session)
  assert.deepEqual(await adapter.getSessionAndUser(session.sessionToken), { session, user })
  // The token of the cookie is also good for the API itself.
  assert.equal((await ask(session.sessionToken, "{ me { email } }")).data.me.email, user.email)
  await assert.rejects(async () => adapter.createSession({ ...session, sessionToken: "short" }), failsWith("BAD_USER_INPUT"))
})

test("updateSession", async () => {
  const user = await newUser()
  const session = { sessionToken: randomUUID(), userId: user.id, expires: minutesFromNow(60) }
  await adapter.createSession(session)
  const expires = minutesFromNow(60 * 24 * 30)
  const { sessionToken } = session
  assert.deepEqual(await adapter.updateSession({ sessionToken, expires }), { ...session, expires })
  assert.deepEqual(await adapter.updateSession({ sessionToken }), { ...session, expires })
  assert.deepEqual((await adapter.getSessionAndUser(sessionToken))?.session, { ...session, expires })
  assert.equal(await adapter.updateSession({ sessionToken: randomUUID(), expires }), null)
})

test("deleteSession", async () => {
  const user = await newUser()
  const session = { sessionToken: randomUUID(), userId: user.id, expires: minutesFromNow(60) }
  await adapter.createSession(session)
  assert.equal((await inDossier(user.id)).sessions.nodes.length, 1)
  assert.deepEqual(await adapter.deleteSession(session.sessionToken), session)
  assert.equal(await adapter.deleteSession(session.sessionToken), null)
  assert.equal(await adapter.getSessionAndUser(session.sessionToken), null)
  assert.equal((await inDossier(user.id)).sessions.nodes.length, 0)
  assert.equal((await ask(session.sessionToken, "{ me { email } }")).errors?.[0]?.extensions.code, "UNAUTHENTICATED")
})

test("createVerificationToken and useVerificationToken", async () => {
  const mailed = { identifier: newEmail(), token: hashed(randomUUID()), expires: minutesFromNow(15) }
  assert.deepEqual(await adapter.createVerificationToken(mailed), mailed)
  const { identifier, token } = mailed
  assert.equal(await adapter.useVerificationToken({ identifier: newEmail(), token }), null)
  assert.equal(await adapter.useVerificationToken({ identifier, token: hashed("another") }), null)
  const used = await Promise.all([1, 2, 3, 4].map(() => adapter.useVerificationToken({ identifier, token })))
  assert.deepEqual(used.filter((one) => one !== null), [mailed])
})

test("createAuthenticator, getAuthenticator, listAuthenticatorsByUserId and updateAuthenticatorCounter", async () => {
  const user = await newUser()
  const first = await linkedPasskeyOf(user.id)
  const second = { ...(await linkedPasskeyOf(user.id)), transports: null }
  assert.equal(await adapter.getAuthenticator(first.credentialID), null)
  assert.deepEqual(await adapter.listAuthenticatorsByUserId(user.id), [])
  await assert.rejects(async () => adapter.createAuthenticator(passkeyOf(user.id)), failsWith("BAD_REFERENCE"))
  assert.deepEqual(await adapter.createAuthenticator(first), first)
  assert.deepEqual(await adapter.createAuthenticator(second), second)
  assert.deepEqual(await adapter.getAuthenticator(first.credentialID), first)
  assert.deepEqual(await adapter.updateAuthenticatorCounter(first.credentialID, 7), { ...first, counter: 7 })
  assert.deepEqual(await adapter.listAuthenticatorsByUserId(user.id), [{ ...first, counter: 7 }, second])
  await assert.rejects(async () => adapter.updateAuthenticatorCounter(randomUUID(), 1), failsWith("NOT_FOUND"))
})

test("deleteUser", async () => {
  const user = await newUser()
  const session = { sessionToken: randomUUID(), userId: user.id, expires: minutesFromNow(60) }
  const account = accountOf(user.id)
  const passkey = await linkedPasskeyOf(user.id)
  await adapter.createSession(session)
  await adapter.linkAccount(account)
  await adapter.createAuthenticator(passkey)
  assert.deepEqual(await adapter.deleteUser(user.id), user)
  assert.equal(await adapter.deleteUser(user.id), null)
  assert.equal(await inDossier(user.id), null)
  assert.equal(await adapter.getUser(user.id), null)
  assert.equal(await adapter.getSessionAndUser(session.sessionToken), null)
  assert.equal(await adapter.getUserByAccount(account), null)
  assert.equal(await adapter.getAuthenticator(passkey.credentialID), null)
})

test("a key that is none, and an address that is not Dossier's", async () => {
  await assert.rejects(async () => DossierAdapter({ url, apiKey: "none" }).getUser("user_01m825kv27e2y8wthfzy1ffvx8"), failsWith("UNAUTHENTICATED"))
  const elsewhere = new URL("/healthz", url).href
  await assert.rejects(async () => DossierAdapter({ url: elsewhere, apiKey: "none" }).getUser("x"), failsWith("UNAVAILABLE"))
})
