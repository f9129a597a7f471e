// The operations have names, by which logs and metrics of Dossier tell them.

const user = "id name email emailVerifiedAt image"
const account = "userId type provider providerAccountId scope expiresAt"
const session = `expiresAt user { ${user} }`
const verification = "identifier expiresAt"
const authenticator =
  "userId providerAccountId credentialId credentialPublicKey counter credentialDeviceType credentialBackedUp transports"
const userErrors = "userErrors { code field message }"

export const createUser = `mutation AuthjsCreateUser($input: CreateAdapterUserInput!) {
  result: createAdapterUser(input: $input) { user { ${user} } ${userErrors} }
}`
export const getUser = `query AuthjsGetUser($id: ID!) { result: adapterUser(id: $id) { ${user} } }`
export const getUserByEmail = `query AuthjsGetUserByEmail($email: String!) {
  result: adapterUserByEmail(email: $email) { ${user} }
}`
export const getUserByAccount = `query AuthjsGetUserByAccount($provider: String!, $providerAccountId: String!) {
  result: adapterUserByAccount(provider: $provider, providerAccountId: $providerAccountId) { ${user} }
}`
export const updateUser = `mutation AuthjsUpdateUser($input: UpdateAdapterUserInput!) {
  result: updateAdapterUser(input: $input) { user { ${user} } ${userErrors} }
}`
export const deleteUser = `mutation AuthjsDeleteUser($input: DeleteAdapterUserInput!) {
  result: deleteAdapterUser(input: $input) { user { ${user} } ${userErrors} }
}`

export const linkAccount = `mutation AuthjsLinkAccount($input: LinkAdapterAccountInput!) {
  result: linkAdapterAccount(input: $input) { ${userErrors} }
}`
export const unlinkAccount = `mutation AuthjsUnlinkAccount($input: UnlinkAdapterAccountInput!) {
  result: unlinkAdapterAccount(input: $input) { account { ${account} } ${userErrors} }
}`
export const getAccount = `query AuthjsGetAccount($provider: String!, $providerAccountId: String!) {
  result: adapterAccount(provider: $provider, providerAccountId: $providerAccountId) { ${account} }
}`

export const createSession = `mutation AuthjsCreateSession($input: CreateAdapterSessionInput!) {
  result: createAdapterSession(input: $input) { session { ${session} } ${userErrors} }
}`
export const getSessionAndUser = `query AuthjsGetSessionAndUser($sessionToken: String!) {
  result: adapterSession(sessionToken: $sessionToken) { ${session} }
}`
export const updateSession = `mutation AuthjsUpdateSession($input: UpdateAdapterSessionInput!) {
  result: updateAdapterSession(input: $input) { session { ${session} } ${userErrors} }
}`
export const deleteSession = `mutation AuthjsDeleteSession($input: DeleteAdapterSessionInput!) {
  result: deleteAdapterSession(input: $input) { session { ${session} } ${userErrors} }
}`

export const createVerificationToken = `mutation AuthjsCreateVerificationToken($input: CreateAdapterVerificationTokenInput!) {
  result: createAdapterVerificationToken(input: $input) { verification { ${verification} } ${userErrors} }
}`
export const useVerificationToken = `mutation AuthjsUseVerificationToken($input: UseAdapterVerificationTokenInput!) {
  result: useAdapterVerificationToken(input: $input) { verification { ${verification} } ${userErrors} }
}`

export const getAuthenticator = `query AuthjsGetAuthenticator($credentialId: String!) {
  result: adapterAuthenticator(credentialId: $credentialId) { ${authenticator} }
}`
export const createAuthenticator = `mutation AuthjsCreateAuthenticator($input: CreateAdapterAuthenticatorInput!) {
  result: createAdapterAuthenticator(input: $input) { authenticator { ${authenticator} } ${userErrors} }
}`
export const listAuthenticators = `query AuthjsListAuthenticators($userId: ID!) {
  result: adapterAuthenticators(userId: $userId) { ${authenticator} }
}`
export const updateAuthenticator = `mutation AuthjsUpdateAuthenticatorCounter($input: UpdateAdapterAuthenticatorInput!) {
  result: updateAdapterAuthenticator(input: $input) { authenticator { ${authenticator} } ${userErrors} }
}`
