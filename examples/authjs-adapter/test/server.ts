import { randomUUID } from "node:crypto"
import { DossierAdapter } from "../src/index.js"

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: README.md says how to run the tests.`)
  return value
}

export const url = setting("DOSSIER_URL")
export const adapter = DossierAdapter({ url, apiKey: setting("DOSSIER_API_KEY") })

/** Asks the API for what everyone can ask it, by the token of a session. */
export async function ask(token: string, query: string, variables: Record<string, unknown> = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as { data: any; errors?: { extensions: { code: string } }[] }
}

/** How the user stands in the API's eyes: null if there is none. A MANAGER asks. */
export async function inDossier(id: string) {
  const answer = await ask(
    setting("DOSSIER_MANAGER_TOKEN"),
    `query($id: ID!) { user(id: $id) {
      name role sessions { nodes { expiresAt } } accounts { nodes { type provider providerAccountId scope expiresAt } } } }`,
    { id },
  )
  return answer.data?.user ?? null
}

export const newEmail = () => `${randomUUID()}@authjs.example`
export const minutesFromNow = (minutes: number) => new Date(Date.now() + minutes * 60_000)
