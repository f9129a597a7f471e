import type {
  Adapter,
  AdapterAccount,
  AdapterAuthenticator,
  AdapterSession,
  AdapterUser,
} from "@auth/core/adapters"
import { DossierClient, DossierError, type DossierOptions } from "./client.js"
import * as operations from "./operations.js"

export { DossierError, type DossierOptions }

/**
 * Dossier as the database of an Auth.js frontend.
 *
 * ```ts
 * NextAuth({ adapter: DossierAdapter({ url: process.env.DOSSIER_URL!, apiKey: process.env.DOSSIER_API_KEY! }), … })
 * ```
 *
 * It has every method of the published interface. What goes wrong is a `DossierError`.
 */
export function DossierAdapter(options: DossierOptions): Required<Adapter> {
  const dossier = new DossierClient(options)

  return {
    async createUser(user) {
      const { user: made } = await dossier.mutate<{ user: User }>(operations.createUser, profileOf(user))
      return toUser(made)
    },

    async getUser(id) {
      try {
        return orNull(await dossier.query<User | null>(operations.getUser, { id }), toUser)
      } catch (error) {
        if (error instanceof DossierError && error.code === "BAD_USER_INPUT") return null // an id of another database
        throw error
      }
    },

    async getUserByEmail(email) {
      return orNull(await dossier.query<User | null>(operations.getUserByEmail, { email }), toUser)
    },

    async getUserByAccount({ provider, providerAccountId }) {
      const variables = { provider, providerAccountId }
      return orNull(await dossier.query<User | null>(operations.getUserByAccount, variables), toUser)
    },

    async updateUser({ id, ...changes }) {
      const { user } = await dossier.mutate<{ user: User }>(operations.updateUser, { id, ...profileOf(changes) })
      return toUser(user)
    },

    async deleteUser(id) {
      const { user } = await dossier.mutate<{ user: User | null }>(operations.deleteUser, { id })
      return orNull(user, toUser)
    },

    async linkAccount(account) {
      await dossier.mutate(operations.linkAccount, {
        userId: account.userId,
        type: account.type,
        provider: account.provider,
        providerAccountId: account.providerAccountId,
        scope: text(account.scope),
        expiresAt: account.expires_at == null ? undefined : new Date(account.expires_at * 1000),
        refreshToken: text(account.refresh_token),
        accessToken: text(account.access_token),
        idToken: text(account.id_token),
        tokenType: text(account.token_type),
        sessionState: text(account.session_state),
      })
      return account
    },

    async unlinkAccount({ provider, providerAccountId }) {
      const input = { provider, providerAccountId }
      const { account } = await dossier.mutate<{ account: Account | null }>(operations.unlinkAccount, input)
      return orNull(account, toAccount) ?? undefined
    },

    async getAccount(providerAccountId, provider) {
      const variables = { provider, providerAccountId }
      return orNull(await dossier.query<Account | null>(operations.getAccount, variables), toAccount)
    },

    async createSession({ sessionToken, userId, expires }) {
      const input = { sessionToken, userId, expiresAt: expires }
      const { session } = await dossier.mutate<{ session: Session }>(operations.createSession, input)
      return toSession(sessionToken, session)
    },

    async getSessionAndUser(sessionToken) {
      const found = await dossier.query<Session | null>(operations.getSessionAndUser, { sessionToken })
      return orNull(found, (session) => ({ session: toSession(sessionToken, session), user: toUser(session.user) }))
    },

    // A session stays with its user: another userId would be an impersonation.
    async updateSession({ sessionToken, expires }) {
      const input = { sessionToken, expiresAt: expires }
      const { session } = await dossier.mutate<{ session: Session | null }>(operations.updateSession, input)
      return orNull(session, (session) => toSession(sessionToken, session))
    },

    async deleteSession(sessionToken) {
      const { session } = await dossier.mutate<{ session: Session | null }>(operations.deleteSession, { sessionToken })
      return orNull(session, (session) => toSession(sessionToken, session))
    },

    async createVerificationToken({ identifier, token, expires }) {
      const input = { identifier, token, expiresAt: expires }
      await dossier.mutate(operations.createVerificationToken, input)
      return { identifier, token, expires }
    },

    async useVerificationToken({ identifier, token }) {
      const input = { identifier, token }
      const { verification } = await dossier.mutate<{ verification: Verification | null }>(operations.useVerificationToken, input)
      return orNull(verification, ({ identifier, expiresAt }) => ({ identifier, token, expires: new Date(expiresAt) }))
    },

    async getAuthenticator(credentialID) {
      const found = await dossier.query<Authenticator | null>(operations.getAuthenticator, { credentialId: credentialID })
      return orNull(found, toAuthenticator)
    },

    async createAuthenticator({ credentialID, ...passkey }) {
      const { authenticator } = await dossier.mutate<{ authenticator: Authenticator }>(operations.createAuthenticator, {
        userId: passkey.userId,
        providerAccountId: passkey.providerAccountId,
        credentialId: credentialID,
        credentialPublicKey: passkey.credentialPublicKey,
        counter: passkey.counter,
        credentialDeviceType: passkey.credentialDeviceType,
        credentialBackedUp: passkey.credentialBackedUp,
        transports: passkey.transports,
      })
      return toAuthenticator(authenticator)
    },

    async listAuthenticatorsByUserId(userId) {
      return (await dossier.query<Authenticator[]>(operations.listAuthenticators, { userId })).map(toAuthenticator)
    },

    async updateAuthenticatorCounter(credentialID, counter) {
      const input = { credentialId: credentialID, counter }
      const { authenticator } = await dossier.mutate<{ authenticator: Authenticator }>(operations.updateAuthenticator, input)
      return toAuthenticator(authenticator)
    },
  }
}

// What Dossier answers. Times are RFC 3339 texts.

interface User {
  id: string
  name: string
  email: string
  emailVerifiedAt: string | null
  image: string | null
}

interface Account {
  userId: string
  type: string
  provider: string
  providerAccountId: string
  scope: string | null
  expiresAt: string | null
}

interface Session {
  expiresAt: string
  user: User
}

interface Verification {
  identifier: string
  expiresAt: string
}

interface Authenticator {
  userId: string
  providerAccountId: string
  credentialId: string
  credentialPublicKey: string
  counter: number
  credentialDeviceType: string
  credentialBackedUp: boolean
  transports: string | null
}

function orNull<T, U>(value: T | null, convert: (value: T) => U): U | null {
  return value === null ? null : convert(value)
}

function toUser({ emailVerifiedAt, ...user }: User): AdapterUser {
  return { ...user, emailVerified: orNull(emailVerifiedAt, (at) => new Date(at)) }
}

function toSession(sessionToken: string, { expiresAt, user }: Session): AdapterSession {
  return { sessionToken, userId: user.id, expires: new Date(expiresAt) }
}

function toAccount({ type, scope, expiresAt, ...account }: Account): AdapterAccount {
  return {
    ...account,
    type: type as AdapterAccount["type"],
    scope: scope ?? undefined,
    expires_at: expiresAt === null ? undefined : Date.parse(expiresAt) / 1000,
  }
}

function toAuthenticator({ credentialId, ...passkey }: Authenticator): AdapterAuthenticator {
  return { ...passkey, credentialID: credentialId }
}

const nameLengthMax = 200
const imageLengthMax = 2048

/**
 * What Dossier keeps of a user. A provider decides how long a name is and what a picture is (one gives the picture itself, as a
 * `data:` URL): neither keeps anyone from signing in. What is undefined is not sent, and stays as it is.
 */
function profileOf({ name, email, emailVerified, image }: Partial<AdapterUser>): Record<string, unknown> {
  const shown = image && image.length <= imageLengthMax && /^https?:\/\//.test(image) ? image : null
  return {
    name: name && [...name].slice(0, nameLengthMax).join(""),
    email,
    emailVerifiedAt: emailVerified,
    image: image === undefined ? undefined : shown,
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}
