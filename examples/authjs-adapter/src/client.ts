/** Where Dossier is, and as whom to ask it. */
export interface DossierOptions {
  /** The address of the API, such as `https://dossier.example/graphql`. */
  url: string
  /** An API key with the scope `auth:adapter`. It signs in whom it likes: keep it on the server. */
  apiKey: string
  /** How long an answer may take, in milliseconds; 10,000 unless it is said. */
  timeoutMs?: number
}

const timeoutMsDefault = 10_000

/** What Dossier answers when it does not do what it was asked to. */
export class DossierError extends Error {
  override readonly name = "DossierError"

  constructor(
    message: string,
    /** What kind of problem it is, such as `CONFLICT`; README of Dossier lists them. */
    readonly code: string,
    /** The path of the input field or the argument to blame, if one is. */
    readonly field?: string,
  ) {
    super(message)
  }
}

interface Answer {
  data?: { result: unknown } | null
  errors?: { message: string; extensions?: { code?: string; argument?: string } }[]
}

interface UserError {
  code: string
  field: string[] | null
  message: string
}

/** Asks Dossier. Every operation has one field, under the alias `result`. */
export class DossierClient {
  constructor(private readonly options: DossierOptions) {}

  async query<T>(query: string, variables: Record<string, unknown>): Promise<T> {
    const response = await fetch(this.options.url, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${this.options.apiKey}`,
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json",
      },
      body: JSON.stringify({ query, variables }),
      redirect: "error", // the key is for this address alone
      signal: AbortSignal.timeout(this.options.timeoutMs ?? timeoutMsDefault),
    })
    if (!response.headers.get("Content-Type")?.includes("json")) {
      throw new DossierError(`${this.options.url} answers ${response.status}, and not as Dossier does.`, "UNAVAILABLE")
    }
    const answer = (await response.json()) as Answer
    const error = answer.errors?.[0]
    if (error) {
      throw new DossierError(error.message, error.extensions?.code ?? "INTERNAL", error.extensions?.argument)
    }
    return answer.data?.result as T
  }

  async mutate<T>(query: string, input: Record<string, unknown>): Promise<T> {
    const payload = await this.query<T & { userErrors: UserError[] }>(query, { input })
    const error = payload.userErrors[0]
    if (error) {
      const field = error.field?.join(".")
      throw new DossierError(field ? `${field}: ${error.message}` : error.message, error.code, field)
    }
    return payload
  }
}
