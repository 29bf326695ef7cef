package main

import (
	"os"
	"strings"
	"testing"
)

// What the README shows is what runs.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(program), "\n\tsource, err :=")
	body = strings.TrimSuffix("\tsource, err :="+body, "}\n")
	if shown := strings.ReplaceAll(body, "\n\t", "\n")[1:]; !strings.Contains(string(readme), shown) {
		t.Errorf("expected in README.md:\n%s", shown)
	}
}
