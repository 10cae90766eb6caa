// The same types for `import`.

import * as byname from './index.js'

export * from './index.js'
export default byname
