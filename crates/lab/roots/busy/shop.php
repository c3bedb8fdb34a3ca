<?php
// A shop's basket: Redis keeps it, or memcached where Redis does not answer.
declare(strict_types=1);

function redis(): ?Redis
{
    try {
        $store = new Redis();
        return $store->connect('127.0.0.1', 6379, 1.0) ? $store : null;
    } catch (RedisException) {
        return null;
    }
}

function memcached(): ?Memcached
{
    $store = new Memcached();
    $store->addServer('127.0.0.1', 11211);
    return $store->getVersion() === false ? null : $store;
}

$store = redis() ?? memcached();
if ($store === null) {
    http_response_code(503);
    exit('The shop is closed: nothing can keep your basket.');
}
$visitor = $_COOKIE['visitor'] ?? bin2hex(random_bytes(16));
setcookie('visitor', $visitor, ['httponly' => true, 'samesite' => 'Strict']);
$key = 'basket:' . hash('sha256', $visitor);
$basket = json_decode($store->get($key) ?: '[]');
if (isset($_POST['item'])) {
    $basket[] = (string) $_POST['item'];
    $store->set($key, json_encode($basket), 3600);
}
?>
<!doctype html>
<html lang="en">
<title>The shop</title>
<p>Your basket: <?= htmlspecialchars($basket ? implode(', ', $basket) : 'empty') ?></p>
<form method="post">
<input name="item">
<button>Add</button>
</form>
</html>
