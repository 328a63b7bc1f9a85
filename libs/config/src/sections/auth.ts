// The shape of registry:2's `auth` section. Access control is refused until it is enforced.
import { filePath, openSection, text } from '../values.ts';

export const htpasswdShape = openSection('Users with bcrypt passwords in a file.', {
  realm: text('Shown to users when they are asked for a password.'),
  path: filePath('The htpasswd file.'),
});
