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

var winThemes = []struct{ name, description, color string }{
	{"On time", "We finished nine of ten projects before the date that was agreed.", "#1a7f37"},
	{"Local people", "Who works on the project lives in the region.", "#0969da"},
	{"Low carbon", "Less than half of the emissions that are usual in the trade.", "#2da44e"},
	{"One contact", "One person answers for everything, from the first day to the last.", "#8250df"},
	{"Fixed price", "No claims for what we could have seen before.", "#bf8700"},
}

var talks = []string{
	"What does the client care about most?", "Which certificates are asked for?", "Where do the prices differ from last time?",
	"Summary of the contract terms", "Questions for the client before Friday", "How is the offer evaluated?",
}

var fileNames = []struct{ name, contentType string }{
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
