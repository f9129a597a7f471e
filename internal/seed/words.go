package seed

import "dossier/model"

type demoCompany struct {
	name, domain string
	users        int
	owners       int // how many of the users own projects
	projectsEach int
}

var companies = []demoCompany{
	{"Harbor & Pine Consulting", "demo.example", 30, 12, 5},
	{"Northwind Engineering", "northwind.example", 20, 5, 4},
	{"Lumen Facilities", "lumen.example", 12, 4, 4},
	{"Quarry Street Architects", "quarrystreet.example", 6, 3, 3},
}

var demoNames = map[model.Role]string{
	model.RoleAdmin: "Admin", model.RoleManager: "Manager", model.RoleMember: "Member",
}

var firstNames = []string{
	"Anna", "Boris", "Carla", "David", "Elena", "Farid", "Greta", "Hugo", "Irène", "Jonas", "Katya", "Liam", "Mona", "Nils",
	"Olga", "Pavel", "Quinn", "Rosa", "Søren", "Tariq", "Uma", "Viktor", "Wanda", "Ximena", "Yusuf", "Zoë",
}

var lastNames = []string{
	"Abbott", "Bianchi", "Castro", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova", "Jansen", "Kowalski",
	"Lindqvist", "Moreau", "Novák", "O'Brien", "Petrov", "Quiroga", "Rossi", "Schäfer", "Tanaka", "Usman", "Vance", "Wójcik",
}

var works = []string{
	"Facility management", "Data center build", "Road maintenance", "Catering services", "School renovation",
	"Fleet leasing", "Security services", "Network upgrade", "Water treatment", "Archive digitization",
	"Street lighting", "Hospital equipment", "Waste collection", "Bridge inspection", "Payroll system",
}

var places = []string{
	"the northern district", "three campuses", "the port", "the central hospital", "the city hall", "the university",
	"the airport", "twelve depots", "the ministry", "the coastal region",
}

var clients = []string{
	"City of Aldermoor", "Ministry of Transport", "St. Brigid Hospital", "Velde University", "Port Authority",
	"Kestrel Energy", "Regional Water Board", "Oakhill School District", "National Archive", "Metro Transit",
}

var files = []struct{ name, contentType string }{
	{"Invitation to tender.pdf", "application/pdf"},
	{"Specification of requirements.pdf", "application/pdf"},
	{"Price sheet.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"Contract terms.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"Site plan.pdf", "application/pdf"},
	{"Questions and answers.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"Evaluation criteria.pdf", "application/pdf"},
	{"Company profile.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	{"References.md", "text/markdown"},
}
