package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"dossier/internal/config"
)

// healthTimeout is more than /readyz needs, and less than whoever runs the check waits.
const healthTimeout = 2 * time.Second

// healthBytesMax bounds what is read of an answer.
const healthBytesMax = 1 << 10

// checkHealth is the health check of a container, which has no shell and no curl.
func checkHealth(ctx context.Context) error {
	c, err := config.Read()
	if err != nil {
		return fmt.Errorf("the environment is not right:\n%w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.LocalURL()+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer on HTTP_ADDR %s within %s", c.HTTPAddr, healthTimeout)
	}
	if err != nil {
		return fmt.Errorf("nothing serves on HTTP_ADDR %s: %w", c.HTTPAddr, cause(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, healthBytesMax))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(answer)))
	}
	fmt.Print(string(answer))
	return nil
}
