// Prints what compose-go, the library of `docker compose`, makes of a project: as JSON, or the refusal and exit 1.
// usage: composedump FOLDER FILE...
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

func main() {
	logrus.SetOutput(io.Discard)
	options, err := cli.NewProjectOptions(os.Args[2:], cli.WithWorkingDirectory(os.Args[1]), cli.WithEnvFiles(),
		cli.WithDotEnv, cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(false))
	if err == nil {
		project, failed := options.LoadProject(context.Background())
		if err = failed; err == nil {
			text, _ := json.Marshal(project)
			os.Stdout.Write(text)
			return
		}
	}
	fmt.Println(err)
	os.Exit(1)
}
