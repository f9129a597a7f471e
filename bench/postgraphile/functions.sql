-- What users of PostGraphile write where tables alone cannot say it. A superuser runs this after the rows are loaded, again
-- if need be. It is in a schema of its own, so that Dossier's stays as its migrations make it.
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;

CREATE FUNCTION bench.search_users(term text) RETURNS SETOF public.users LANGUAGE sql STABLE AS $$
    SELECT * FROM public.users WHERE name ILIKE '%' || term || '%' OR email ILIKE '%' || term || '%'
    ORDER BY created_at DESC, id DESC
$$;

-- The row is locked as it is read, so that "from" is what it was.
CREATE FUNCTION bench.set_document_status(id uuid, status text) RETURNS public.documents LANGUAGE sql VOLATILE AS $$
    WITH was AS (SELECT d.id, d.company_id, d.status FROM public.documents d WHERE d.id = $1 FOR NO KEY UPDATE)
    INSERT INTO public.audit_log (id, company_id, action, subject_type, subject_id, details)
        SELECT gen_random_uuid(), was.company_id, 'DOCUMENT_STATUS_CHANGED', 'document', was.id,
            jsonb_build_object('status', jsonb_build_object('from', was.status, 'to', $2)) FROM was;
    UPDATE public.documents d SET status = $2, version = version + 1, updated_at = clock_timestamp() WHERE d.id = $1 RETURNING *
$$;

CREATE FUNCTION bench.create_project(owner_id uuid, name text, client_name text) RETURNS public.projects LANGUAGE sql VOLATILE AS $$
    WITH made AS (INSERT INTO public.projects (id, company_id, owner_id, name, client_name)
            SELECT gen_random_uuid(), u.company_id, u.id, $2, $3 FROM public.users u WHERE u.id = $1 RETURNING *),
        audit AS (INSERT INTO public.audit_log (id, company_id, action, subject_type, subject_id, details)
            SELECT gen_random_uuid(), made.company_id, 'PROJECT_CREATED', 'project', made.id,
                jsonb_build_object('name', made.name, 'clientName', made.client_name) FROM made)
    SELECT * FROM made
$$;

CREATE FUNCTION bench.transfer_user(user_id uuid, company_id uuid, new_owner_id uuid) RETURNS public.users LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    moved public.users;
    owned jsonb := jsonb_build_object('newOwnerId', $3);
    count bigint;
BEGIN
    SELECT * INTO moved FROM public.users u WHERE u.id = $1 AND u.company_id <> $2 FOR UPDATE;
    PERFORM FROM public.users u WHERE u.id = $3 AND u.company_id = moved.company_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'There is no such new owner in the company that the user leaves.';
    END IF;
    UPDATE public.projects SET owner_id = $3, version = version + 1, updated_at = clock_timestamp() WHERE owner_id = $1;
    GET DIAGNOSTICS count = ROW_COUNT;
    owned := owned || jsonb_build_object('projects', count);
    UPDATE public.documents SET owner_id = $3, version = version + 1, updated_at = clock_timestamp() WHERE owner_id = $1;
    GET DIAGNOSTICS count = ROW_COUNT;
    owned := owned || jsonb_build_object('documents', count);
    UPDATE public.conversations SET owner_id = $3, version = version + 1, updated_at = clock_timestamp() WHERE owner_id = $1;
    GET DIAGNOSTICS count = ROW_COUNT;
    owned := owned || jsonb_build_object('conversations', count);
    DELETE FROM public.sessions s WHERE s.user_id = $1 AND s.expires > now();
    DELETE FROM public.invitations i WHERE i.user_id = $1;
    INSERT INTO public.audit_log (id, company_id, action, subject_type, subject_id, details) VALUES
        (gen_random_uuid(), moved.company_id, 'USER_TRANSFERRED', 'user', $1, owned),
        (gen_random_uuid(), $2, 'USER_TRANSFERRED', 'user', $1, '{}');
    UPDATE public.users u SET company_id = $2, version = version + 1, updated_at = clock_timestamp() WHERE u.id = $1
        RETURNING * INTO moved;
    RETURN moved;
END
$$;
