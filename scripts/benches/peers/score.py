"""How alike two pictures look to a person, by SSIMULACRA 2: 90 is indistinguishable, 70 good, 50 medium."""

import json
import sys

import ssimulacra2

if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        print(
            json.dumps({"score": ssimulacra2.compute_ssimulacra2(request["reference"], request["picture"])}), flush=True
        )
