package main

// operation is a workload: the field that answers it, its statement, and the variables that are the statement's $1, $2, ….
type operation struct {
	field, statement string
	variables        []string
}

// Concatenated text costs PostgreSQL 15 less than json_build_object or json_agg. Texts are escaped by to_json; ids, numbers
// and statuses need no escaping.
const userJSON = `'{"id":"' || u.id || '","name":' || to_json(u.name) || ',"email":' || to_json(u.email) || ',"company":' ||
	CASE WHEN c.id IS NULL THEN 'null' ELSE '{"id":"' || c.id || '","name":' || to_json(c.name) || '}' END || '}'`

// operations by name. W3Z is W3 at small offsets.
var operations = map[string]operation{
	"W1": {"user", `SELECT ` + userJSON + ` FROM users u LEFT JOIN companies c ON c.id = u.company_id WHERE u.id = $1::uuid`, []string{"id"}},
	"W2": {"users", `
		SELECT '[' || coalesce(string_agg(` + userJSON + `, ',' ORDER BY u.created_at DESC, u.id DESC), '') || ']'
		FROM (SELECT id, name, email, company_id, created_at FROM users ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET $1::int) u
		LEFT JOIN companies c ON c.id = u.company_id`, []string{"off"}},
	"W3":  {"projects", nested, []string{"off"}},
	"W3Z": {"projects", nested, []string{"off"}},
	"W4": {"userProjects", `
		SELECT '[' || coalesce(string_agg('{"id":"' || p.id || '","name":' || to_json(p.name) || ',"createdAt":' || to_json(p.created_at) ||
			',"documentCount":' || (SELECT count(*) FROM documents d WHERE d.project_id = p.id) || '}', ','
			ORDER BY p.created_at DESC, p.id DESC), '') || ']'
		FROM projects p WHERE p.owner_id = $1::uuid`, []string{"id"}},
	"W5": {"searchUsers", `
		SELECT '[' || coalesce(string_agg(` + userJSON + `, ',' ORDER BY u.created_at DESC, u.id DESC), '') || ']'
		FROM (SELECT id, name, email, company_id, created_at FROM users WHERE name ILIKE '%' || $1::text || '%' OR email ILIKE '%' || $1::text || '%'
			ORDER BY created_at DESC, id DESC LIMIT 50) u
		LEFT JOIN companies c ON c.id = u.company_id`, []string{"term"}},
	"W6": {"company", `
		SELECT '{"id":"' || c.id || '","name":' || to_json(c.name) || ',"users":[' ||
			(SELECT coalesce(string_agg('{"id":"' || u.id || '","name":' || to_json(u.name) || ',"projects":[' ||
				(SELECT coalesce(string_agg('{"id":"' || p.id || '","name":' || to_json(p.name) || ',"documents":[' ||
					(SELECT coalesce(string_agg('{"id":"' || d.id || '","name":' || to_json(d.name) || ',"owner":{"name":' || to_json(o.name) || '}}',
							',' ORDER BY d.updated_at DESC, d.id DESC), '')
						FROM (SELECT id, name, owner_id, updated_at FROM documents WHERE project_id = p.id
							ORDER BY updated_at DESC, id DESC LIMIT 10) d JOIN users o ON o.id = d.owner_id)
					|| ']}', ','), '')
					FROM (SELECT id, name FROM projects WHERE owner_id = u.id ORDER BY created_at DESC, id DESC LIMIT 10) p)
				|| ']}', ','), '')
				FROM (SELECT id, name FROM users WHERE company_id = c.id ORDER BY created_at DESC, id DESC LIMIT 20) u)
			|| ']}'
		FROM companies c WHERE c.id = $1::uuid`, []string{"id"}},
	"M1": {"updateDocumentStatus", updateStatus, []string{"id", "status"}},
	"M2": {"createProject", createProject, []string{"ownerId", "name", "clientName"}},
	"M3": {"transferUser", transferUser, []string{"id", "companyId", "newOwnerId"}},
}

const nested = `
	SELECT '[' || coalesce(string_agg('{"id":"' || p.id || '","name":' || to_json(p.name) || ',"owner":{"name":' || to_json(u.name) ||
		'},"documents":[' || d.list || ']}', ',' ORDER BY p.created_at DESC, p.id DESC), '') || ']'
	FROM (SELECT id, name, owner_id, created_at FROM projects ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET $1::int) p
	JOIN users u ON u.id = p.owner_id
	CROSS JOIN LATERAL (
		SELECT coalesce(string_agg('{"id":"' || id || '","name":' || to_json(name) || ',"status":"' || status || '","updatedAt":' ||
			to_json(updated_at) || '}', ','), '') AS list
		FROM (SELECT id, name, status, updated_at FROM documents WHERE project_id = p.id ORDER BY updated_at DESC, id DESC LIMIT 20) newest
	) d`

// Each change and its audit rows are one statement, which PostgreSQL does wholly or not at all.
const (
	// The row is locked as it is read, so that "from" is what it was.
	updateStatus = `
		WITH was AS (SELECT id, company_id, status FROM documents WHERE id = $1::uuid FOR NO KEY UPDATE),
		done AS (UPDATE documents d SET status = $2::text, version = version + 1, updated_at = clock_timestamp()
			FROM was WHERE d.id = was.id RETURNING d.id, d.status, d.updated_at),
		audit AS (INSERT INTO audit_log (id, company_id, action, subject_type, subject_id, details)
			SELECT gen_random_uuid(), company_id, 'DOCUMENT_STATUS_CHANGED', 'document', id,
				jsonb_build_object('status', jsonb_build_object('from', status, 'to', $2::text)) FROM was)
		SELECT '{"id":"' || id || '","status":"' || status || '","updatedAt":' || to_json(updated_at) || '}' FROM done`

	createProject = `
		WITH p AS (INSERT INTO projects (id, company_id, owner_id, name, client_name)
			SELECT gen_random_uuid(), company_id, id, $2::text, $3::text FROM users WHERE id = $1::uuid
			RETURNING id, company_id, owner_id, name, client_name),
		audit AS (INSERT INTO audit_log (id, company_id, action, subject_type, subject_id, details)
			SELECT gen_random_uuid(), company_id, 'PROJECT_CREATED', 'project', id, jsonb_build_object('name', name, 'clientName', client_name) FROM p)
		SELECT '{"id":"' || p.id || '","name":' || to_json(p.name) || ',"clientName":' || to_json(p.client_name) ||
			',"owner":{"name":' || to_json(u.name) || ',"company":{"name":' || to_json(c.name) || '}}}'
		FROM p JOIN users u ON u.id = p.owner_id JOIN companies c ON c.id = p.company_id`

	// Nothing is done unless the new owner is in the company that the user leaves.
	transferUser = `
		WITH moving AS (SELECT id, company_id FROM users WHERE id = $1::uuid AND company_id <> $2::uuid FOR UPDATE),
		heir AS (SELECT h.id FROM users h JOIN moving ON h.company_id = moving.company_id WHERE h.id = $3::uuid FOR KEY SHARE OF h),
		p AS (UPDATE projects SET owner_id = heir.id, version = version + 1, updated_at = clock_timestamp()
			FROM heir, moving WHERE owner_id = moving.id RETURNING 1),
		d AS (UPDATE documents SET owner_id = heir.id, version = version + 1, updated_at = clock_timestamp()
			FROM heir, moving WHERE owner_id = moving.id RETURNING 1),
		v AS (UPDATE conversations SET owner_id = heir.id, version = version + 1, updated_at = clock_timestamp()
			FROM heir, moving WHERE owner_id = moving.id RETURNING 1),
		s AS (DELETE FROM sessions USING heir, moving WHERE user_id = moving.id AND expires > now()),
		i AS (DELETE FROM invitations USING heir, moving WHERE user_id = moving.id),
		u AS (UPDATE users SET company_id = $2::uuid, version = users.version + 1, updated_at = clock_timestamp()
			FROM heir, moving WHERE users.id = moving.id RETURNING users.id, users.name, users.company_id),
		audit AS (INSERT INTO audit_log (id, company_id, action, subject_type, subject_id, details)
			SELECT gen_random_uuid(), moving.company_id, 'USER_TRANSFERRED', 'user', moving.id, jsonb_build_object('newOwnerId', heir.id,
				'projects', (SELECT count(*) FROM p), 'documents', (SELECT count(*) FROM d), 'conversations', (SELECT count(*) FROM v))
				FROM heir, moving
			UNION ALL SELECT gen_random_uuid(), $2::uuid, 'USER_TRANSFERRED', 'user', moving.id, '{}' FROM heir, moving)
		SELECT '{"id":"' || u.id || '","name":' || to_json(u.name) || ',"company":{"id":"' || c.id || '","name":' || to_json(c.name) || '}}'
		FROM u JOIN companies c ON c.id = u.company_id`
)
