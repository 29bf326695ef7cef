// Command run-vectors runs the conformance vectors against REDIS_URL and prints TAP.
// It ends with 0 when all hold, 1 at the first mismatch, 2 when nothing is known.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"visitor-profiler/clients/go/internal/environment"
	"visitor-profiler/clients/go/profile"
)

func main() {
	held, err := run(context.Background(), os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "run-vectors:", err)
		os.Exit(2)
	case !held:
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (bool, error) {
	vectors, err := readVectors()
	if err != nil {
		return false, err
	}
	client, err := environment.Client()
	if err != nil {
		return false, err
	}
	defer client.Close()
	scripts := map[string]*profile.Script{}
	for _, v := range vectors {
		if scripts[v.Script] == nil {
			source, err := environment.Script(v.Script)
			if err != nil {
				return false, err
			}
			scripts[v.Script] = profile.New(client, source)
		}
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "TAP version 14\n1..%d\n", len(vectors))
	for i, v := range vectors {
		err := check(ctx, client, scripts[v.Script], v)
		var differs *mismatch
		switch {
		case errors.As(err, &differs):
			fmt.Fprintf(out, "not ok %d - %s\n%s%s", i+1, v.Name, comment(v.Why), comment(differs.text))
			fmt.Fprintf(out, "Bail out! %s\n", v.Name)
			return false, nil
		case err != nil:
			return false, fmt.Errorf("%s: %w", v.Name, err)
		}
		fmt.Fprintf(out, "ok %d - %s\n", i+1, v.Name)
	}
	return true, nil
}

func comment(text string) string {
	return "# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n"
}
