package graph

import (
	"dossier/model"
	"dossier/repo"
)

// Every edge of the graph that leads from rows to one row each.
var (
	userCompany     = toCompany(func(u *model.User) *model.CompanyID { return u.CompanyID })
	projectCompany  = toCompany(func(p *model.Project) *model.CompanyID { return &p.CompanyID })
	documentCompany = toCompany(func(d *model.Document) *model.CompanyID { return &d.CompanyID })
	auditCompany    = toCompany(func(a *model.AuditEntry) *model.CompanyID { return a.CompanyID })

	themeCompany        = toCompany(func(t *model.Theme) *model.CompanyID { return &t.CompanyID })
	conversationCompany = toCompany(func(c *model.Conversation) *model.CompanyID { return &c.CompanyID })

	projectOwner      = toUser(func(p *model.Project) *model.UserID { return &p.OwnerID })
	documentOwner     = toUser(func(d *model.Document) *model.UserID { return &d.OwnerID })
	conversationOwner = toUser(func(c *model.Conversation) *model.UserID { return &c.OwnerID })
	auditActor        = toUser(func(a *model.AuditEntry) *model.UserID { return a.ActorID })

	sessionUser = toUser(func(s *model.Session) *model.UserID { return &s.UserID })
	accountUser = toUser(func(a *model.Account) *model.UserID { return &a.UserID })

	apiKeyUser    = toUser(func(k *model.APIKey) *model.UserID { return &k.UserID })
	apiKeyCompany = toCompany(func(k *model.APIKey) *model.CompanyID { return k.CompanyID })

	chunkDocument = toDocument(func(c *model.DocumentChunk) *model.DocumentID { return &c.DocumentID })
	hitDocument   = toDocument(func(h *model.SearchHit) *model.DocumentID { return &h.Chunk.DocumentID })

	documentProject     = toProject(func(d *model.Document) *model.ProjectID { return d.ProjectID })
	conversationProject = toProject(func(c *model.Conversation) *model.ProjectID { return c.ProjectID })
)

// Every edge of the graph that leads from rows to a page, a count or the like of each.
var (
	companyUsers         = &many[model.Company, model.CompanyID, *model.UserConnection]{"users", companyID}
	companyProjects      = &many[model.Company, model.CompanyID, *model.ProjectConnection]{"projects", companyID}
	companyDocuments     = &many[model.Company, model.CompanyID, *model.DocumentConnection]{"documents", companyID}
	companyThemes        = &many[model.Company, model.CompanyID, *model.ThemeConnection]{"themes", companyID}
	companyConversations = &many[model.Company, model.CompanyID, *model.ConversationConnection]{"conversations", companyID}

	userProjects                 = &many[model.User, model.UserID, *model.ProjectConnection]{"projects", userID}
	userDocuments                = &many[model.User, model.UserID, *model.DocumentConnection]{"documents", userID}
	userConversations            = &many[model.User, model.UserID, *model.ConversationConnection]{"conversations", userID}
	companyUserCount             = &many[model.Company, model.CompanyID, int32]{"user count", companyID}
	companyProjectCount          = &many[model.Company, model.CompanyID, int32]{"project count", companyID}
	companyStorage               = &many[model.Company, model.CompanyID, int64]{"storage", companyID}
	companyDocumentCount         = &many[model.Company, model.CompanyID, int32]{"document count", companyID}
	companyDocumentCountByStatus = &many[model.Company, model.CompanyID, []*model.DocumentStatusCount]{"document counts", companyID}

	userSessions   = &many[model.User, model.UserID, *model.SessionConnection]{"sessions", userID}
	userAccounts   = &many[model.User, model.UserID, *model.AccountConnection]{"accounts", userID}
	userAPIKeys    = &many[model.User, model.UserID, *model.APIKeyConnection]{"API keys", userID}
	userInvitation = &many[model.User, model.UserID, *model.Invitation]{"invitation", userID}

	projectDocuments     = &many[model.Project, model.ProjectID, *model.DocumentConnection]{"documents", projectID}
	projectDocumentCount = &many[model.Project, model.ProjectID, int32]{"document count", projectID}
	projectThemes        = &many[model.Project, model.ProjectID, *model.ThemeConnection]{"themes", projectID}
	projectConversations = &many[model.Project, model.ProjectID, *model.ConversationConnection]{"conversations", projectID}

	documentChunks = &many[model.Document, model.DocumentID, *model.DocumentChunkConnection]{"chunks", documentID}
	documentThemes = &many[model.Document, model.DocumentID, *model.ThemeConnection]{"themes", documentID}

	themeProjects  = &many[model.Theme, model.ThemeID, *model.ProjectConnection]{"projects", themeID}
	themeDocuments = &many[model.Theme, model.ThemeID, *model.DocumentConnection]{"documents", themeID}

	auditSubject = &many[model.AuditEntry, model.AuditID, subject]{"subject", auditID}
)

func toCompany[P any](key func(*P) *model.CompanyID) *one[P, model.CompanyID, model.Company] {
	return &one[P, model.CompanyID, model.Company]{"company", key, companyID, repo.Reader.CompaniesByIDs, repo.Reader.CompaniesInMemory}
}

func toUser[P any](key func(*P) *model.UserID) *one[P, model.UserID, model.User] {
	return &one[P, model.UserID, model.User]{"user", key, userID, repo.Reader.UsersByIDs, nil}
}

func toProject[P any](key func(*P) *model.ProjectID) *one[P, model.ProjectID, model.Project] {
	return &one[P, model.ProjectID, model.Project]{"project", key, projectID, repo.Reader.ProjectsByIDs, nil}
}

func toDocument[P any](key func(*P) *model.DocumentID) *one[P, model.DocumentID, model.Document] {
	return &one[P, model.DocumentID, model.Document]{"document", key, documentID, repo.Reader.DocumentsByIDs, nil}
}

func companyID(c *model.Company) model.CompanyID    { return c.ID }
func userID(u *model.User) model.UserID             { return u.ID }
func projectID(p *model.Project) model.ProjectID    { return p.ID }
func documentID(d *model.Document) model.DocumentID { return d.ID }
func themeID(t *model.Theme) model.ThemeID          { return t.ID }
func auditID(a *model.AuditEntry) model.AuditID     { return a.ID }
