package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dossier/internal/auth"
	"dossier/internal/fault"
	"dossier/model"
	"dossier/repo"
)

// atOnce runs two changes in transactions that have both confirmed their viewers, and gives their outcomes. The first one
// stays open, when it has changed what it wants to, until the second one has seen the rows as they were before, or waits.
func atOnce(
	t testing.TB, w world, first, second *model.User, changeFirst, changeSecond func(context.Context, *repo.Tx) error,
) [2]error {
	t.Helper()
	const pause = 150 * time.Millisecond
	begun := make(chan struct{}, 2)
	changed := make(chan struct{})
	var outcomes [2]error
	done := make(chan struct{})
	run := func(i int, as *model.User, change func(context.Context, *repo.Tx) error) {
		tries := 0
		outcomes[i] = w.Store.InTx(t.Context(), viewer(as), func(ctx context.Context, tx *repo.Tx) error {
			if tries++; tries > 1 {
				return change(ctx, tx)
			}
			begun <- struct{}{}
			for len(begun) < 2 {
				time.Sleep(time.Millisecond)
			}
			if i == 1 {
				select {
				case <-changed:
				case <-time.After(pause):
				}
				return change(ctx, tx)
			}
			err := change(ctx, tx)
			close(changed)
			time.Sleep(pause)
			return err
		})
		done <- struct{}{}
	}
	go run(0, first, changeFirst)
	go run(1, second, changeSecond)
	<-done
	<-done
	return outcomes
}

// Of two managers who take each other's access away at the same time, one does: the company is never left without any.
func TestManagersAtEachOther(t *testing.T) {
	t.Parallel()
	acts := map[string]func(context.Context, *repo.Tx, model.UserID) error{
		"change role": func(ctx context.Context, tx *repo.Tx, id model.UserID) error {
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: id, Role: model.RoleMember})
			return err
		},
		"deactivate": func(ctx context.Context, tx *repo.Tx, id model.UserID) error {
			_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: id})
			return err
		},
		"delete": func(ctx context.Context, tx *repo.Tx, id model.UserID) error {
			_, err := tx.DeleteUser(ctx, model.DeleteUserInput{ID: id})
			return err
		},
	}
	for one, actOne := range acts {
		for other, actOther := range acts {
			t.Run(one+" and "+other, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				second := w.User(t, w.company, model.RoleManager, "Max Manager")
				outcomes := atOnce(t, w, w.manager, second,
					func(ctx context.Context, tx *repo.Tx) error { return actOne(ctx, tx, second.ID) },
					func(ctx context.Context, tx *repo.Tx) error { return actOther(ctx, tx, w.manager.ID) })
				if (outcomes[0] == nil) == (outcomes[1] == nil) {
					t.Errorf("%v, %v", outcomes[0], outcomes[1])
				}
				for _, err := range outcomes {
					if err != nil && !fault.Is(err, fault.Unauthenticated) {
						t.Errorf("%v", err)
					}
				}
				left := must[rowsOf](t)(query(w.DB, "SELECT name FROM users WHERE role = 'MANAGER' AND deactivated_at IS NULL AND company_id = '"+uuidOf(w.company.ID)+"'"))
				if len(left) != 1 {
					t.Errorf("managers left: %v", left)
				}
			})
		}
	}
}

// The last two accounts of a user cannot both be unlinked, at the same time neither.
func TestUnlinkAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accounts := []*model.Account{w.Account(t, w.member, "google"), w.Account(t, w.member, "github")}
	unlink := func(i int) func(context.Context, *repo.Tx) error {
		return func(ctx context.Context, tx *repo.Tx) error {
			return tx.UnlinkAccount(ctx, model.UnlinkAccountInput{ID: accounts[i].ID})
		}
	}
	outcomes := atOnce(t, w, w.member, w.manager, unlink(0), unlink(1))
	if outcomes[0] != nil || !fault.Is(outcomes[1], fault.Conflict) {
		t.Errorf("%v, %v", outcomes[0], outcomes[1])
	}
	again := w.Account(t, w.member, "github-2")
	accounts = append(accounts, again)
	outcomes = atOnce(t, w, w.member, w.manager, unlink(2), unlink(2))
	if outcomes[0] != nil || !fault.Is(outcomes[1], fault.NotFound) {
		t.Errorf("the same twice: %v, %v", outcomes[0], outcomes[1])
	}
}

func TestLinkAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := func(as, user *model.User, id string) error {
		_, err := inTx(t, w, as, func(ctx context.Context, tx *repo.Tx) (*model.Account, error) {
			return tx.LinkAccount(ctx, model.LinkedAccount{
				Account:      model.Account{UserID: user.ID, Type: "oidc", Provider: "google", ProviderAccountID: id},
				RefreshToken: new("refresh " + id), SessionState: new("state"),
			})
		})
		return err
	}
	if err := link(w.member, w.member, "1"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, "linked to another", link(w.manager, w.manager, "1"), fault.Conflict, "providerAccountId")
	wantFault(t, "of a colleague", link(w.member, w.manager, "2"), fault.Forbidden, "")
	wantFault(t, "of a stranger", link(w.member, w.stranger, "2"), fault.NotFound, "userId")
	stored := must[rowsOf](t)(query(w.DB, "SELECT concat_ws(',', provider_account_id, refresh_token, session_state, access_token) FROM accounts"))
	if len(stored) != 1 || stored[0] != "1,refresh 1,state" {
		t.Errorf("stored: %v", stored)
	}
}

// A deactivated user changes nothing more, in a request that runs already neither, and no session is accepted; one that a
// sign-in made at the very time does not come back to life.
func TestDeactivatedUserIsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.Token(t, w.member)
	credentials := auth.Credentials{Store: w.Store}
	outcomes := atOnce(t, w, w.manager, w.member, func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID})
		return err
	}, func(ctx context.Context, tx *repo.Tx) error {
		var session *model.Session
		token, session = auth.NewSession(time.Hour, auth.Client{})
		return tx.CreateSession(ctx, session)
	})
	if outcomes[0] != nil || outcomes[1] != nil {
		t.Fatalf("%v, %v", outcomes[0], outcomes[1])
	}
	if left := must[rowsOf](t)(query(w.DB, "SELECT id::text FROM sessions")); len(left) != 1 {
		t.Fatalf("%d sessions are left: this test proves nothing", len(left))
	}
	if _, err := credentials.Viewer(t.Context(), token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the session: %v", err)
	}
	_, err := inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*model.Project, error) {
		return tx.CreateProject(ctx, model.CreateProjectInput{Name: "n", ClientName: "c"})
	})
	if !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the next transaction: %v", err)
	}
	must[*model.User](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.ReactivateUser(ctx, model.ReactivateUserInput{UserID: w.member.ID})
	}))
	if _, err := credentials.Viewer(t.Context(), token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the session, reactivated: %v", err)
	}
}

// A request that runs while its session is ended changes nothing more.
func TestEndedSessionIsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := must[model.Viewer](t)(auth.Credentials{Store: w.Store}.Viewer(t.Context(), w.Token(t, w.member)))
	create := func() error {
		return w.Store.InTx(t.Context(), session, func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.CreateProject(ctx, model.CreateProjectInput{Name: "n", ClientName: "c"})
			return err
		})
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now()"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, "after it expired", create(), fault.Unauthenticated, "")
	if _, err := w.Pool.Exec("UPDATE sessions SET expires = now() + interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	err := w.Store.InTx(t.Context(), viewer(w.manager), func(ctx context.Context, tx *repo.Tx) error {
		return tx.EndSession(ctx, model.EndSessionInput{ID: session.SessionID})
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, "after it was ended", create(), fault.Unauthenticated, "")
}

// What became of the invitation since its token was looked up is seen.
func TestAcceptInvitationLooksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, old := auth.NewInvitation()
	renew := func(invitation *model.Invitation) error {
		_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
			return tx.RenewInvitation(ctx, model.RenewInvitationInput{UserID: w.member.ID}, invitation)
		})
		return err
	}
	accept := func(hash []byte) error {
		_, err := inTx(t, w, w.member, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
			return tx.AcceptInvitation(ctx, hash, "hash")
		})
		return err
	}
	if err := renew(old); err != nil {
		t.Fatal(err)
	}
	if user := must[*model.User](t)(w.Store.UserByInvitation(t.Context(), old.TokenHash)); user.ID != w.member.ID {
		t.Errorf("it is of %s", user.Name)
	}
	_, renewed := auth.NewInvitation()
	if err := renew(renewed); err != nil {
		t.Fatal(err)
	}
	if err := accept(old.TokenHash); !errors.Is(err, repo.ErrNoInvitation) {
		t.Errorf("the old one: %v", err)
	}
	outcomes := atOnce(t, w, w.manager, w.member, func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.member.ID})
		return err
	}, func(ctx context.Context, tx *repo.Tx) error {
		_, err := tx.AcceptInvitation(ctx, renewed.TokenHash, "hash")
		return err
	})
	if outcomes[0] != nil || !errors.Is(outcomes[1], repo.ErrNoInvitation) {
		t.Errorf("deactivated meanwhile: %v, %v", outcomes[0], outcomes[1])
	}
	_, another := auth.NewInvitation()
	if err := renew(another); !fault.Is(err, fault.Conflict) {
		t.Errorf("renewed for a deactivated user: %v", err)
	}
}

// A role that is not enough is refused here too, whatever GraphQL lets through.
func TestMembersManageNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, invitation := auth.NewInvitation()
	for name, change := range map[string]func(context.Context, *repo.Tx) error{
		"changeUserRole": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: w.manager.ID, Role: model.RoleMember})
			return err
		},
		"deactivateUser": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeactivateUser(ctx, model.DeactivateUserInput{UserID: w.manager.ID})
			return err
		},
		"reactivateUser": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.ReactivateUser(ctx, model.ReactivateUserInput{UserID: w.manager.ID})
			return err
		},
		"deleteUser": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.DeleteUser(ctx, model.DeleteUserInput{ID: w.manager.ID})
			return err
		},
		"renewInvitation": func(ctx context.Context, tx *repo.Tx) error {
			_, err := tx.RenewInvitation(ctx, model.RenewInvitationInput{UserID: w.member.ID}, invitation)
			return err
		},
		"give more than one's own role": func(ctx context.Context, tx *repo.Tx) error {
			colleague := w.User(t, w.company, model.RoleMember, "Cleo Colleague")
			_, err := tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: colleague.ID, Role: model.RoleManager})
			return err
		},
	} {
		if err := w.Store.InTx(t.Context(), viewer(w.member), change); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.User, error) {
		return tx.ChangeUserRole(ctx, model.ChangeUserRoleInput{UserID: w.member.ID, Role: model.RoleAdmin})
	})
	wantFault(t, "ADMIN by a MANAGER", err, fault.Forbidden, "")
}

// With a user go the sessions, the invitation and the account links.
func TestDeletedUserLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invited := w.User(t, w.company, model.RoleMember, "Ida Invited")
	w.Token(t, w.member)
	w.Account(t, w.member, "google")
	w.Invite(t, invited)
	for _, user := range []*model.User{w.member, invited} {
		must[*model.Reassigned](t)(inTx(t, w, w.manager, func(ctx context.Context, tx *repo.Tx) (*model.Reassigned, error) {
			return tx.DeleteUser(ctx, model.DeleteUserInput{ID: user.ID})
		}))
	}
	for _, table := range []string{"sessions", "accounts", "invitations"} {
		if left := must[rowsOf](t)(query(w.DB, "SELECT id::text FROM "+table)); len(left) > 0 {
			t.Errorf("%s: %v", table, left)
		}
	}
}
