// A page that changes in place and adds nothing of its own.

import { live } from "./live.js";

live();
