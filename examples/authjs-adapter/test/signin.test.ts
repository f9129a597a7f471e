import assert from "node:assert/strict"
import { test } from "node:test"
import { Auth, customFetch, skipCSRFCheck, type AuthConfig } from "@auth/core"
import type { Provider } from "@auth/core/providers"
import { adapter, ask, inDossier, newEmail } from "./server.js"

// Auth.js itself, with its sessions in Dossier: people sign in, are who they are, and sign out.

const origin = "https://frontend.example"

/** A browser of one person: it keeps cookies and follows no redirect by itself. */
class Browser {
  private readonly cookies = new Map<string, string>()

  constructor(private readonly config: AuthConfig) {}

  async open(path: string, form?: Record<string, string>): Promise<Response> {
    const request = new Request(new URL(path, origin), {
      method: form ? "POST" : "GET",
      headers: { Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      body: form && new URLSearchParams(form),
    })
    const response = await Auth(request, this.config)
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(cookie)) this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
    return response
  }

  async session() {
    return (await (await this.open("/auth/session")).json()) as { user?: { name: string; email: string } } | null
  }

  sessionToken() {
    return this.cookies.get("__Secure-authjs.session-token")
  }
}

function config(provider: Provider): AuthConfig {
  return {
    adapter, providers: [provider], basePath: "/auth", trustHost: true, secret: "of a test", session: { strategy: "database" },
    skipCSRFCheck, logger: { error: (error) => failures.push(error) },
  }
}

const failures: Error[] = []

async function signOut(browser: Browser) {
  const token = browser.sessionToken()!
  await browser.open("/auth/signout", {})
  assert.equal(await browser.session(), null)
  assert.equal((await ask(token, "{ me { email } }")).errors?.[0]?.extensions.code, "UNAUTHENTICATED")
}

test("sign-in by mail", async () => {
  const mails: string[] = []
  const browser = new Browser(config({
    id: "mail", type: "email", name: "Mail", from: "dossier@frontend.example", maxAge: 600,
    sendVerificationRequest({ url }) { mails.push(url) },
  } as Provider))
  const email = newEmail()
  const ids = []
  for (const time of ["first", "second"]) {
    await browser.open("/auth/signin/mail", { email })
    assert.equal(await browser.session(), null, time)
    const link = new URL(mails.pop()!)
    await browser.open(link.pathname + link.search)
    assert.equal((await browser.session())?.user?.email, email, String(failures.pop()))
    const { data } = await ask(browser.sessionToken()!, "{ me { id email emailVerifiedAt } }")
    assert.equal(data.me.email, email)
    assert.notEqual(data.me.emailVerifiedAt, null)
    ids.push(data.me.id)
    await signOut(browser)
    // The link was good once.
    await browser.open(link.pathname + link.search)
    assert.equal(await browser.session(), null, time)
  }
  assert.equal(ids[0], ids[1])
})

test("sign-in by a provider", async () => {
  const email = newEmail()
  const provider = {
    id: "fake", type: "oauth", name: "Fake", clientId: "client", clientSecret: "secret", checks: ["state"],
    authorization: "https://fake.example/authorize", token: "https://fake.example/token", userinfo: "https://fake.example/userinfo",
    profile: (profile: { sub: string; email: string }) => ({ id: profile.sub, name: "Fay Fake", email: profile.email, image: "data:image/png;base64,AAAA" }),
    [customFetch]: async (input: URL | RequestInfo) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input)
      return Response.json(pathname === "/token"
        ? { access_token: "secret of the provider", token_type: "bearer", expires_in: 3600, scope: "email" }
        : { sub: `id of ${email}`, email })
    },
  } as unknown as Provider
  const browser = new Browser(config(provider))
  const ids = []
  for (const time of ["first", "second"]) {
    const redirect = await browser.open("/auth/signin/fake", {})
    const state = new URL(redirect.headers.get("Location")!).searchParams.get("state")!
    await browser.open(`/auth/callback/fake?code=code&state=${encodeURIComponent(state)}`)
    assert.deepEqual((await browser.session())?.user, { name: "Fay Fake", email, image: null }, `${time}: ${failures.pop()}`)
    const { data } = await ask(browser.sessionToken()!, "{ me { id } }")
    ids.push(data.me.id)
    await signOut(browser)
  }
  assert.equal(ids[0], ids[1])
  const { accounts } = await inDossier(ids[0])
  assert.deepEqual(accounts.nodes.map((one: any) => [one.type, one.provider, one.providerAccountId]), [["oauth", "fake", `id of ${email}`]])
})
