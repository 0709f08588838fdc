package program

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// Build compiles a package of the module in the folder module and returns the path of the
// program, dir/name.
func Build(dir, name, module, pkg string) (string, error) {
	path := filepath.Join(dir, name)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-C", module, "-o", path, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s in %s: %v\n%s", pkg, module, err, out)
	}
	return path, nil
}
