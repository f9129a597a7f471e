// Command limit is the most that a GraphQL server over this database could do: each workload is one prepared statement in
// which PostgreSQL builds the JSON, and its bytes go straight out. It looks at a request's operationName and variables only,
// knows no viewer and checks nothing that the database does not.
//
// PORT, DSN and POOL say where it serves, which database it reads, and by how many connections.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	bodyBytesMax    = 64 << 10
	shutdownTimeout = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(os.Getenv("DSN"))
	if err != nil {
		return err
	}
	pool, err := strconv.ParseInt(os.Getenv("POOL"), 10, 32)
	if err != nil {
		return fmt.Errorf("POOL: %w", err)
	}
	config.MaxConns = int32(pool)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // prepares each statement once per connection
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer db.Close()
	mux := http.NewServeMux()
	mux.Handle("POST /graphql", server{db})
	listener := &http.Server{Addr: net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), Handler: mux, ReadHeaderTimeout: shutdownTimeout}
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		_ = listener.Shutdown(ctx)
	})
	if err := listener.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type server struct{ db *pgxpool.Pool }

type request struct {
	Operation string                     `json:"operationName"`
	Variables map[string]json.RawMessage `json:"variables"`
}

// ServeHTTP answers one operation.
func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyBytesMax)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, ok := operations[in.Operation]
	if !ok {
		http.Error(w, fmt.Sprintf("there is no operation %q", in.Operation), http.StatusBadRequest)
		return
	}
	answer, err := s.answer(r.Context(), o, in.Variables)
	if err != nil {
		answer, _ = json.Marshal(map[string]any{"errors": []any{map[string]any{"message": err.Error()}}}) // texts can be encoded
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
}

func (s server) answer(ctx context.Context, o operation, variables map[string]json.RawMessage) ([]byte, error) {
	args := make([]any, len(o.variables))
	for i, name := range o.variables {
		if err := json.Unmarshal(variables[name], &args[i]); err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		if number, ok := args[i].(float64); ok {
			args[i] = int32(number)
		}
	}
	rows, err := s.db.Query(ctx, o.statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	value := []byte("null")
	if rows.Next() {
		value = rows.RawValues()[0] // valid until the next row is read
	}
	answer := make([]byte, 0, len(value)+len(o.field)+len(`{"data":{"":}}`))
	answer = append(append(append(append(append(answer, `{"data":{"`...), o.field...), `":`...), value...), "}}"...)
	rows.Close()
	return answer, rows.Err()
}
