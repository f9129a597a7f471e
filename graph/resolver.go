// Package graph is GraphQL in, repo calls out. Nothing here knows SQL.
package graph

import (
	"context"

	"dossier/graph/exec"
	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/internal/files"
	"dossier/model"
	"dossier/repo"
)

// root gives gqlgen the resolvers of each type. Each entity's file holds its own.
type root struct {
	store    *repo.Store
	sessions auth.Sessions
	files    *files.Files
	embedder Embedder
}

var _ exec.ResolverRoot = root{}

type queries struct {
	nodeQueries
	companyQueries
	userQueries
	apiKeyQueries
	projectQueries
	documentQueries
	searchQueries
	themeQueries
	conversationQueries
	auditQueries
	adapterQueries
}

type mutations struct {
	sessionMutations
	companyMutations
	userMutations
	accessMutations
	accountMutations
	apiKeyMutations
	passwordMutations
	projectMutations
	documentMutations
	processingMutations
	uploadMutations
	themeMutations
	conversationMutations
	adapterMutations
}

// Query resolves the fields of Query.
func (r root) Query() exec.QueryResolver {
	as := reading{r.store}
	return queries{nodeQueries{as}, companyQueries{as}, userQueries{as}, apiKeyQueries{as}, projectQueries{as},
		documentQueries{as}, searchQueries{as, r.embedder}, themeQueries{as}, conversationQueries{as}, auditQueries{as}, adapterQueries{as}}
}

// Mutation resolves the fields of Mutation.
func (r root) Mutation() exec.MutationResolver {
	return mutations{sessionMutations{r.sessions}, companyMutations{r.store}, userMutations{r.store, r.sessions},
		accessMutations{r.store, r.sessions.Post}, accountMutations{r.store}, apiKeyMutations{r.store},
		passwordMutations{r.sessions}, projectMutations{r.store}, documentMutations{r.store},
		processingMutations{r.store}, uploadMutations{r.store, r.files}, themeMutations{r.store}, conversationMutations{r.store}, adapterMutations{r.store}}
}

func (r root) Company() exec.CompanyResolver             { return companyFields{reading{r.store}, r.files} }
func (r root) User() exec.UserResolver                   { return userFields{reading{r.store}} }
func (r root) Project() exec.ProjectResolver             { return projectFields{reading{r.store}} }
func (r root) Document() exec.DocumentResolver           { return documentFields{reading{r.store}, r.files} }
func (r root) DocumentChunk() exec.DocumentChunkResolver { return chunkFields{reading{r.store}} }
func (r root) SearchHit() exec.SearchHitResolver         { return searchHitFields{reading{r.store}} }
func (r root) Theme() exec.ThemeResolver                 { return themeFields{reading{r.store}} }
func (r root) Conversation() exec.ConversationResolver   { return conversationFields{reading{r.store}} }
func (r root) AuditEntry() exec.AuditEntryResolver       { return auditFields{reading{r.store}} }
func (r root) Session() exec.SessionResolver             { return sessionFields{reading{r.store}} }
func (r root) Account() exec.AccountResolver             { return accountFields{reading{r.store}} }
func (r root) ApiKey() exec.ApiKeyResolver               { return apiKeyFields{reading{r.store}} }

// reading is what fields need that read.
type reading struct {
	store *repo.Store
}

// as gives the reader of the request's viewer, for what the operation selects.
func (r reading) as(ctx context.Context) repo.Reader {
	selection, _ := ctx.Value(selectionKey{}).(model.Selection)
	return r.store.Reader(model.ViewerFrom(ctx)).Selecting(selection)
}

// whole gives the reader of the request's viewer, for all columns.
func (r reading) whole(ctx context.Context) repo.Reader {
	return r.store.Reader(model.ViewerFrom(ctx))
}

// byID reads one row through a batch read.
func byID[K model.ID, T any](
	ctx context.Context, thing string, global model.GlobalID, read func(context.Context, []K) ([]*T, error),
) (*T, error) {
	id, err := model.As[K](global)
	if err != nil {
		return nil, fault.Blame(err, "id")
	}
	rows, err := read(ctx, []K{id})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.Missing(thing)
	}
	return rows[0], nil
}

// mutate is a mutation: check the input, then change all of it or nothing, as the viewer. Faults that the sender of the
// input can mend are user errors.
func mutate[T any](
	ctx context.Context, store *repo.Store, in interface{ Validate() error },
	change func(context.Context, *repo.Tx) (T, error),
) (T, []model.UserError, error) {
	var value T
	err := in.Validate()
	if err == nil {
		value, err = repo.Do(ctx, store, model.ViewerFrom(ctx), change)
	}
	userErrors, err := splitUserErrors(err)
	return value, userErrors, err
}
