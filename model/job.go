package model

// BlobRef names a blob of the store. Without a container it is in that of new ones.
type BlobRef struct {
	Container string `json:"container"`
	Name      string `json:"name"`
}

// RemoveBlobs is the job that removes what deleted documents leave in the store.
type RemoveBlobs struct {
	Blobs []BlobRef `json:"blobs"`
}

// Kind names the job.
func (RemoveBlobs) Kind() string { return "remove_blobs" }

// SweepBlobs is the job that looks for blobs that no row has.
type SweepBlobs struct{}

// Kind names the job.
func (SweepBlobs) Kind() string { return "sweep_blobs" }

// DeleteExpired is the job that deletes rows that are over: sessions, tokens, invitations.
type DeleteExpired struct{}

// Kind names the job.
func (DeleteExpired) Kind() string { return "delete_expired" }
