// Command example tells REDIS_URL one page view and prints what is known of its visitor then.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"visitor-profiler/clients/go/profile"
)

func main() {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal("set REDIS_URL, e.g. redis://127.0.0.1:6399/0")
	}
	source, err := os.ReadFile("../../lua/rendered/lean.lua")
	if err != nil {
		log.Fatal(err)
	}
	script := profile.New(redis.NewClient(options), source)

	answers, err := script.Apply(context.Background(), profile.Call{
		Visitor: "me",
		Events: []profile.Event{{
			Received: time.Now(),
			ID:       fmt.Sprint("event-", time.Now().UnixNano()),
			Visit:    "visit-1",
			Inputs:   []string{"Pageview", "Hello"}, // event type, page title
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	me := answers[0].Profile
	entry, _ := me.Text("visit_first_page")
	pageviews, _ := me.Int("visit_pageviews")
	bounce, _ := me.Bool("visit_bounce")
	fmt.Println("new visitor:", answers[0].Flags["new_visitor"])
	fmt.Printf("entry page: %s, page views: %d, bounce: %t\n", entry, pageviews, bounce)
}
