package repo

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"dossier/internal/fault"
	"dossier/model"
)

// verificationsClearedMax is how many tokens that are over go with each new one. They do not pile up: it is more than one.
const verificationsClearedMax = 100

// CreateAdapterVerificationToken keeps the hash of a token that an Auth.js frontend mails.
func (tx *Tx) CreateAdapterVerificationToken(
	ctx context.Context, in model.CreateAdapterVerificationTokenInput, tokenHash []byte,
) (*model.VerificationToken, error) {
	if err := tx.mayAdapt(); err != nil {
		return nil, err
	}
	token := &model.VerificationToken{
		ID: model.NewID[model.VerificationTokenID](), CompanyID: tx.viewer.CompanyID, Identifier: in.Identifier,
		TokenHash: tokenHash, ExpiresAt: stored(in.ExpiresAt),
	}
	over := tx.db.NewSelect().Model((*model.VerificationToken)(nil)).Column("id").Where("expires <= now()").
		OrderExpr("expires").Limit(verificationsClearedMax).For("UPDATE SKIP LOCKED")
	cleared := tx.db.NewDelete().Model((*model.VerificationToken)(nil)).Where("id IN (?)", over)
	if _, err := with(tx.db.NewInsert().Model(token).Returning("NULL"), along{cleared}).Exec(ctx); err != nil {
		return nil, fmt.Errorf("create verification token: %w", err)
	}
	return token, nil
}

// UseAdapterVerificationToken uses a token up, and says what it was good for. Of several who use it at the same time one deletes the
// row, and the others wait for that and find nothing.
func (tx *Tx) UseAdapterVerificationToken(
	ctx context.Context, in model.UseAdapterVerificationTokenInput, tokenHash []byte,
) (*model.VerificationToken, error) {
	if err := tx.mayAdapt(); err != nil {
		return nil, err
	}
	var used []*model.VerificationToken
	err := ofKey(tx.db.NewDelete().Model((*model.VerificationToken)(nil)), tx.viewer.CompanyID).
		Where("identifier = ? AND token_hash = ? AND expires > now()", in.Identifier, tokenHash).
		Returning("*").Scan(ctx, &used)
	if err != nil {
		return nil, fmt.Errorf("use verification token: %w", err)
	}
	if len(used) == 0 {
		return nil, fault.Missing("token")
	}
	return used[0], nil
}

// ofKey narrows to the tokens of frontends whose key is of the same company, or of none.
func ofKey(q *bun.DeleteQuery, company *model.CompanyID) *bun.DeleteQuery {
	if company == nil {
		return q.Where("company_id IS NULL")
	}
	return q.Where("company_id = ?", *company)
}
