<?php
// Does what the installer's last page does: creates the tables, the first user and the first post.
$_SERVER['HTTP_HOST'] = 'localhost';
$_SERVER['REQUEST_URI'] = '/';
define('WP_INSTALLING', true);
require '/usr/share/wordpress/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Doorward lab', 'admin', 'admin@site.example', true, '', 'only-for-the-lab');
