package repo_test

import (
	"testing"

	"dossier/internal/pgtest"
	"dossier/model"
	"dossier/repo"
)

// Each filter goes into each half of a search, and what it makes of the statement is SQL.
func TestSearchFilters(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	owner := db.User(t, db.Company(t, "Own"), model.RoleMember, "Mo Member")
	viewer := model.Viewer{UserID: owner.ID, CompanyID: owner.CompanyID, Role: owner.Role}
	vector := &repo.QueryVector{Model: "model", Vector: model.Vector{1, 0}}
	theme, project, document := model.NewID[model.ThemeID](), model.NewID[model.ProjectID](), model.NewID[model.DocumentID]()
	for name, filter := range map[string]*model.SearchFilter{
		"none": nil, "project": {ProjectID: &project}, "theme": {ThemeID: &theme}, "owner": {OwnerID: &owner.ID},
		"type": {ContentType: []string{"application/pdf"}}, "documents": {DocumentIDs: []model.DocumentID{document}},
		"company": {CompanyID: owner.CompanyID},
	} {
		for _, mode := range []model.SearchMode{model.SearchHybrid, model.SearchVector, model.SearchText} {
			db.SQL.Reset()
			_, err := db.Store.Reader(viewer).Search(t.Context(), model.Search{Query: `cleaning -wards "of the hospital"`, Mode: mode, Filter: filter}, vector)
			if err != nil {
				t.Errorf("%s by %s: %v\n%s", mode, name, err, db.SQL.Statements(false))
			}
		}
	}
}
