package graph

import (
	"context"

	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

type nodeQueries struct{ reading }

func (q nodeQueries) Node(ctx context.Context, id model.GlobalID) (model.Node, error) {
	found, err := readNodes(ctx, q.as(ctx), []model.GlobalID{id})
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, fault.Missing("node")
	}
	return found[id], nil
}

// nodesMax is how many ids `nodes` takes.
const nodesMax = 100

func (q nodeQueries) Nodes(ctx context.Context, ids []*model.GlobalID) ([]model.Node, error) {
	if len(ids) > nodesMax {
		return nil, fault.Exceeded("nodes", nodesMax, len(ids)).At("ids")
	}
	globals := make([]model.GlobalID, len(ids))
	for i, id := range ids {
		globals[i] = *id
	}
	found, err := readNodes(ctx, q.as(ctx), globals)
	nodes := make([]model.Node, len(ids))
	for i, id := range globals {
		nodes[i] = found[id]
	}
	return nodes, err
}

// nodeReaders reads the rows of each entity that is a Node, by the prefix of its ids.
var nodeReaders = map[string]func(context.Context, repo.Reader, []model.GlobalID) ([]model.Node, error){
	model.CompanyID{}.Global().Prefix:      nodesBy(repo.Reader.CompaniesByIDs),
	model.UserID{}.Global().Prefix:         nodesBy(repo.Reader.UsersByIDs),
	model.ProjectID{}.Global().Prefix:      nodesBy(repo.Reader.ProjectsByIDs),
	model.DocumentID{}.Global().Prefix:     nodesBy(repo.Reader.DocumentsByIDs),
	model.ThemeID{}.Global().Prefix:        nodesBy(repo.Reader.ThemesByIDs),
	model.ConversationID{}.Global().Prefix: nodesBy(repo.Reader.ConversationsByIDs),
	model.ChunkID{}.Global().Prefix:        nodesBy(repo.Reader.ChunksByIDs),
	model.AuditID{}.Global().Prefix:        nodesBy(repo.Reader.AuditEntriesByIDs),
	model.SessionID{}.Global().Prefix:      nodesBy(repo.Reader.SessionsByIDs),
	model.AccountID{}.Global().Prefix:      nodesBy(repo.Reader.AccountsByIDs),
	model.APIKeyID{}.Global().Prefix:       nodesBy(repo.Reader.APIKeysByIDs),
}

// readNodes reads rows of any entities, a statement for each entity. Ids of nothing visible are left out.
func readNodes(ctx context.Context, reader repo.Reader, ids []model.GlobalID) (map[model.GlobalID]model.Node, error) {
	byPrefix := map[string][]model.GlobalID{}
	for _, id := range ids {
		byPrefix[id.Prefix] = append(byPrefix[id.Prefix], id)
	}
	found := make(map[model.GlobalID]model.Node, len(ids))
	for prefix, ids := range byPrefix {
		read := nodeReaders[prefix]
		if read == nil {
			continue
		}
		nodes, err := read(ctx, reader, ids)
		if err != nil {
			return nil, err
		}
		for _, node := range nodes {
			found[node.GetID()] = node
		}
	}
	return found, nil
}

func nodesBy[K model.ID, T any, P interface {
	*T
	model.Node
}](read func(repo.Reader, context.Context, []K) ([]*T, error)) func(context.Context, repo.Reader, []model.GlobalID) ([]model.Node, error) {
	return func(ctx context.Context, reader repo.Reader, ids []model.GlobalID) ([]model.Node, error) {
		keys := make([]K, len(ids))
		for i, id := range ids {
			keys[i] = K(id.UUID)
		}
		rows, err := read(reader, ctx, keys)
		nodes := make([]model.Node, len(rows))
		for i, row := range rows {
			nodes[i] = P(row)
		}
		return nodes, err
	}
}
