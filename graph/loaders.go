package graph

import (
	"dossier/model"
	"dossier/repo"
)

// Every edge of the graph that leads from rows to one row each.
var (
	userCompany = &one[model.User, model.CompanyID, model.Company]{
		"company", func(u *model.User) *model.CompanyID { return u.CompanyID }, companyID, repo.Reader.CompaniesByIDs}
	projectCompany = &one[model.Project, model.CompanyID, model.Company]{
		"company", func(p *model.Project) *model.CompanyID { return &p.CompanyID }, companyID, repo.Reader.CompaniesByIDs}
	documentCompany = &one[model.Document, model.CompanyID, model.Company]{
		"company", func(d *model.Document) *model.CompanyID { return &d.CompanyID }, companyID, repo.Reader.CompaniesByIDs}
	auditCompany = &one[model.AuditEntry, model.CompanyID, model.Company]{
		"company", func(a *model.AuditEntry) *model.CompanyID { return a.CompanyID }, companyID, repo.Reader.CompaniesByIDs}

	themeCompany = &one[model.Theme, model.CompanyID, model.Company]{
		"company", func(t *model.Theme) *model.CompanyID { return &t.CompanyID }, companyID, repo.Reader.CompaniesByIDs}
	conversationCompany = &one[model.Conversation, model.CompanyID, model.Company]{
		"company", func(c *model.Conversation) *model.CompanyID { return &c.CompanyID }, companyID, repo.Reader.CompaniesByIDs}

	projectOwner = &one[model.Project, model.UserID, model.User]{
		"user", func(p *model.Project) *model.UserID { return &p.OwnerID }, userID, repo.Reader.UsersByIDs}
	documentOwner = &one[model.Document, model.UserID, model.User]{
		"user", func(d *model.Document) *model.UserID { return &d.OwnerID }, userID, repo.Reader.UsersByIDs}
	conversationOwner = &one[model.Conversation, model.UserID, model.User]{
		"user", func(c *model.Conversation) *model.UserID { return &c.OwnerID }, userID, repo.Reader.UsersByIDs}
	auditActor = &one[model.AuditEntry, model.UserID, model.User]{
		"user", func(a *model.AuditEntry) *model.UserID { return a.ActorID }, userID, repo.Reader.UsersByIDs}

	sessionUser = &one[model.Session, model.UserID, model.User]{
		"user", func(s *model.Session) *model.UserID { return &s.UserID }, userID, repo.Reader.UsersByIDs}
	accountUser = &one[model.Account, model.UserID, model.User]{
		"user", func(a *model.Account) *model.UserID { return &a.UserID }, userID, repo.Reader.UsersByIDs}

	apiKeyUser = &one[model.APIKey, model.UserID, model.User]{
		"user", func(k *model.APIKey) *model.UserID { return &k.UserID }, userID, repo.Reader.UsersByIDs}
	apiKeyCompany = &one[model.APIKey, model.CompanyID, model.Company]{
		"company", func(k *model.APIKey) *model.CompanyID { return k.CompanyID }, companyID, repo.Reader.CompaniesByIDs}

	chunkDocument = &one[model.DocumentChunk, model.DocumentID, model.Document]{
		"document", func(c *model.DocumentChunk) *model.DocumentID { return &c.DocumentID }, documentID, repo.Reader.DocumentsByIDs}
	hitDocument = &one[model.SearchHit, model.DocumentID, model.Document]{
		"document", func(h *model.SearchHit) *model.DocumentID { return &h.Chunk.DocumentID }, documentID, repo.Reader.DocumentsByIDs}

	documentProject = &one[model.Document, model.ProjectID, model.Project]{
		"project", func(d *model.Document) *model.ProjectID { return d.ProjectID }, projectID, repo.Reader.ProjectsByIDs}
	conversationProject = &one[model.Conversation, model.ProjectID, model.Project]{
		"project", func(c *model.Conversation) *model.ProjectID { return c.ProjectID }, projectID, repo.Reader.ProjectsByIDs}
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

func companyID(c *model.Company) model.CompanyID    { return c.ID }
func userID(u *model.User) model.UserID             { return u.ID }
func projectID(p *model.Project) model.ProjectID    { return p.ID }
func documentID(d *model.Document) model.DocumentID { return d.ID }
func themeID(t *model.Theme) model.ThemeID          { return t.ID }
func auditID(a *model.AuditEntry) model.AuditID     { return a.ID }
