package pgconn

import (
	"context"
	"database/sql"
	"testing"

	"github.com/uptrace/bun/driver/pgdriver"
)

// The price of this package: SELECT 1 through it and through pgdriver alone, over a Unix socket, under a
// context that can be canceled, as every request's is.
func BenchmarkSelect1(b *testing.B) {
	bench := func(db *sql.DB, query string) func(*testing.B) {
		return func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				rows, err := db.QueryContext(ctx, query)
				if err := readAll(rows, err); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	target, err := Parse(main1.socketURL())
	if err != nil {
		b.Fatal(err)
	}
	bare := sql.OpenDB(pgdriver.NewConnector(pgdriver.WithNetwork("unix"), pgdriver.WithAddr(target.Hosts[0].Addr), pgdriver.WithInsecure(true)))
	defer func() { _ = bare.Close() }()
	ours := open(b, Config{URL: main1.socketURL()})
	const page = "SELECT repeat('x', 300), i FROM generate_series(1,100) i"
	b.Run("bare", bench(bare, "SELECT 1"))
	b.Run("pgconn", bench(ours, "SELECT 1"))
	b.Run("bare page of 30 kB", bench(bare, page))
	b.Run("pgconn page of 30 kB", bench(ours, page))
}
