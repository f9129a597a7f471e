package web_test

import (
	"os"
	"testing"

	"dossier/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
