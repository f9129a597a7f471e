-- The benchmark's rows. No random() and no clock: everything is arithmetic on the row's number, or md5 of it, so that each
-- run measures the same rows and a client can name any of them. data.go puts the sizes in place of :companies, :users,
-- :projects and :documents.

CREATE FUNCTION pg_temp.uid(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT md5(kind || n)::uuid $$;

-- skew maps i of [0, m) to [0, k) so that low numbers get more rows than high ones, as some companies are larger and some
-- people busier than others. 7919 is a prime, and spreads neighbors.
CREATE FUNCTION pg_temp.favor(share float8) RETURNS float8 LANGUAGE sql IMMUTABLE
    AS $$ SELECT 0.3 * share + 0.7 * share * share * share $$;
CREATE FUNCTION pg_temp.skew(i bigint, m bigint, k bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT least(k - 1, floor(k * pg_temp.favor((i * 7919 % m)::float8 / m))::bigint) $$;

-- Every 50th user is platform staff, who belong to no company and own nothing: the user before owns what would be theirs.
CREATE FUNCTION pg_temp.company_of(the_user bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN the_user % 50 = 49 THEN NULL ELSE pg_temp.skew(the_user, :users, :companies) END $$;
CREATE FUNCTION pg_temp.owner_of(project bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT u - (u % 50 = 49)::int FROM (SELECT pg_temp.skew(project, :projects, :users) AS u) AS busy $$;

INSERT INTO companies (id, name, created_at, updated_at)
    SELECT pg_temp.uid('c', i), 'Company ' || i, at, at
    FROM generate_series(0::bigint, :companies - 1) AS i, LATERAL (SELECT timestamptz '2024-01-01Z' + i * interval '1 hour' AS at) AS made;

INSERT INTO users (id, company_id, name, email, password_hash, role, created_at, updated_at)
    SELECT pg_temp.uid('u', i), pg_temp.uid('c', pg_temp.company_of(i)),
        (ARRAY['Anna', 'Boris', 'Carla', 'David', 'Elena', 'Farid', 'Greta', 'Hugo', 'Irene', 'Jonas', 'Katya', 'Liam', 'Mona', 'Nils',
            'Olga', 'Pavel'])[1 + i % 16] || ' ' || initcap(translate(substr(md5('n' || i), 1, 7), '0123456789', 'ghijklmnop')),
        'user' || i || '.' || translate(substr(md5('e' || i), 1, 5), '0123456789', 'qrstuvwxyz') || '@mail' || i % 37 || '.example',
        '$2b$10$' || md5('p' || i) || substr(md5('q' || i), 1, 21), -- of the usual length, and nobody's password
        CASE WHEN i % 50 = 49 THEN 'ADMIN' WHEN i % 10 = 0 THEN 'MANAGER' ELSE 'MEMBER' END,
        timestamptz '2024-01-02Z' + i * 613 % 900000 * interval '30 seconds',
        timestamptz '2025-06-01Z' + i * 977 % 700000 * interval '1 minute'
    FROM generate_series(0::bigint, :users - 1) AS i;

INSERT INTO projects (id, company_id, owner_id, name, client_name, created_at, updated_at)
    SELECT pg_temp.uid('p', i), pg_temp.uid('c', pg_temp.company_of(owner)), pg_temp.uid('u', owner),
        'Project ' || i, 'Client ' || i * 31 % 5003,
        timestamptz '2024-03-01Z' + i * 7907 % 1300000 * interval '30 seconds',
        timestamptz '2025-06-01Z' + i * 3571 % 700000 * interval '1 minute'
    FROM generate_series(0::bigint, :projects - 1) AS i, LATERAL (SELECT pg_temp.owner_of(i) AS owner) AS of;

-- Every 40th document is in no project, and still belongs to whom its project would.
INSERT INTO documents (id, company_id, project_id, owner_id, name, status, content_type, size_bytes, created_at, updated_at)
    SELECT pg_temp.uid('d', i), pg_temp.uid('c', pg_temp.company_of(owner)),
        CASE WHEN i % 40 <> 39 THEN pg_temp.uid('p', project) END, pg_temp.uid('u', owner),
        'document-' || i || (ARRAY['.pdf', '.docx', '.xlsx', '.png'])[1 + i % 4],
        (ARRAY['UPLOADING', 'PENDING', 'READY', 'FAILED'])[1 + i * 13 % 11 % 4],
        (ARRAY['application/pdf', 'application/vnd.openxmlformats', 'application/vnd.ms-excel', 'image/png'])[1 + i % 4],
        1000 + i * 7919 % 5000000,
        timestamptz '2024-04-01Z' + i * 104729 % 2500000 * interval '15 seconds',
        timestamptz '2025-06-01Z' + i * 15485863 % 44000000 * interval '1 second'
    FROM generate_series(0::bigint, :documents - 1) AS i,
        LATERAL (SELECT pg_temp.skew(i, :documents, :projects) AS project) AS kept,
        LATERAL (SELECT pg_temp.owner_of(project) AS owner) AS of;

INSERT INTO audit_log (id, company_id, action, actor_id, subject_type, subject_id, details, created_at, updated_at)
    SELECT pg_temp.uid('a', i), pg_temp.uid('c', pg_temp.company_of(subject)),
        (ARRAY['USER_SIGNED_IN', 'USER_UPDATED', 'USER_ROLE_CHANGED'])[1 + i % 3], pg_temp.uid('u', i), 'user',
        pg_temp.uid('u', subject), jsonb_build_object('n', i), at, at
    FROM generate_series(0::bigint, :users - 1) AS i, LATERAL (SELECT i * 7 % :users AS subject) AS told,
        LATERAL (SELECT timestamptz '2025-06-01Z' + i * interval '1 minute' AS at) AS made;
